//! Workloads `ordered` and `relay`: a topic on Redis against bare `XADD` and `XREAD`, and how
//! long an event takes from its append to a handler.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use es_redis::{Command, Redis, Reply};
use eventsource::{
    Interest, MemoryStore, PostgresStore, RedisTopic, TopicOptions, memory::MemoryReadModel,
    prelude::*,
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    Effort,
    domain::{AccountEvent, account},
    measure::{Row, Run, alternate},
};

const EVENTS: u64 = 40_000;
/// What a relay publishes at once, and what the bare loop sends and reads at once.
const BATCH: usize = 128;
const STREAMS: u64 = 200;
/// Events a second on their way from PostgreSQL to a handler.
const PACE: u64 = 1_000;

pub(super) async fn measure(effort: Effort) -> anyhow::Result<(Vec<Row>, Vec<Value>)> {
    let url = std::env::var("ES_TEST_REDIS_URL").context("area bus needs ES_TEST_REDIS_URL")?;
    let rows = vec![ordered(effort, &url).await?];
    let others = match std::env::var("ES_TEST_POSTGRES_URL") {
        Ok(postgres) => vec![latency(effort, &url, &postgres).await?],
        Err(_) => Vec::new(),
    };
    Ok((rows, others))
}

async fn topic(url: &str) -> anyhow::Result<RedisTopic> {
    let namespace = format!("bench-{}", EventId::new());
    let options = TopicOptions::default().with_namespace(namespace).with_partitions(4);
    Ok(RedisTopic::connect(url, "bench", options).await?)
}

/// The log is full when the clock starts: relay and consumer together against a loop that adds
/// and reads the same bytes.
async fn ordered(effort: Effort, url: &str) -> anyhow::Result<Row> {
    let events = EVENTS / effort.thrift;
    let ours = || async move {
        let store = Store::new(MemoryStore::new());
        for at in 0..events {
            let event = NewEvent::of(&AccountEvent::numbered(at))?;
            let stream = account(at % STREAMS)?;
            store.append(Append::to(stream, ExpectedVersion::Any).event(event)).await?;
        }
        let (topic, seen, all) = (topic(url).await?, AtomicU64::new(0), Arc::new(Notify::new()));
        let reached = Arc::clone(&all);
        let subscription = Subscription::to_everything("bench").call(move |_| {
            if seen.fetch_add(1, Ordering::Relaxed) + 1 == events {
                reached.notify_one();
            }
            Ok(())
        });
        let consumer = topic.ordered(subscription).start().await?;
        let begin = Instant::now();
        let relay = Relay::new("bench", store, MemoryReadModel::new())
            .with_batch(BATCH)
            .publish(Interest::everything(), topic.clone())
            .start()?;
        all.notified().await;
        let run = finished(events, begin);
        consumer.stop(Duration::from_secs(5)).await;
        relay.stop(Duration::from_secs(5)).await;
        topic.remove_group("bench").await?;
        Ok(run)
    };
    let floor = || async move { bare(url, events).await };
    let (ours, floor) = alternate(effort.rounds, ours, floor).await?;
    let params = json!({ "batch": BATCH, "events": events });
    let durability = "as the server is set up".to_owned();
    Ok(Row { area: "bus", workload: "ordered", params, ours, floor, durability })
}

/// One task adds in pipelined batches, another reads in batches of the same size.
async fn bare(url: &str, events: u64) -> anyhow::Result<Run> {
    let redis = Redis::connect(url, es_redis::RedisOptions::new()).await?;
    let reader = redis.another().await?;
    let key = format!("bench-{}", EventId::new());
    let payload =
        serde_json::to_vec(&json!({ "id": EventId::new(), "metadata": "x".repeat(200) }))?;
    let begin = Instant::now();
    let adding = {
        let (redis, key) = (redis.clone(), key.clone());
        tokio::spawn(async move {
            let mut left = usize::try_from(events)?;
            while left > 0 {
                let count = left.min(BATCH);
                let add = || Command::new("XADD").key(&key).arg("*").arg("e").arg(payload.clone());
                let batch: Vec<_> = (0..count).map(|_| add()).collect();
                for added in redis.batch(&batch).await {
                    added?;
                }
                left -= count;
            }
            anyhow::Ok(())
        })
    };
    let (mut seen, mut last) = (0, "0".to_owned());
    while seen < events {
        let read = Command::new("XREAD").arg("COUNT").arg(BATCH).arg("BLOCK").arg(1_000);
        let read = read.arg("STREAMS").key(&key).arg(&last);
        let mut streams = reader.command(read).await?.array("a read")?;
        let Some(Reply::Array(mut stream)) = streams.pop() else { continue };
        let entries = stream.pop().context("no entries")?.array("entries")?;
        seen += u64::try_from(entries.len())?;
        let Some(Reply::Array(entry)) = entries.into_iter().next_back() else { bail!("no entry") };
        last = entry.into_iter().next().context("no id")?.text("an id")?;
    }
    adding.await??;
    let run = finished(events, begin);
    redis.command(Command::new("DEL").key(&key)).await?;
    Ok(run)
}

/// From the append on PostgreSQL to the handler on Redis, at a steady pace.
async fn latency(effort: Effort, url: &str, postgres: &str) -> anyhow::Result<Value> {
    let events = 5_000 / effort.thrift;
    let store = Store::new(PostgresStore::open(postgres).await?);
    let from = store.head().await?.position;
    let topic = topic(url).await?;
    let seen: Arc<Mutex<Vec<u64>>> = Arc::default();
    let (noting, begun) = (Arc::clone(&seen), Instant::now());
    let subscription = Subscription::to_everything("bench").call(move |event| {
        if event.position > from {
            let sent = event.metadata.extra("sent").and_then(Value::as_u64).unwrap_or(0);
            let now = u64::try_from(begun.elapsed().as_micros())?;
            noting.lock().unwrap_or_else(PoisonError::into_inner).push(now.saturating_sub(sent));
        }
        Ok(())
    });
    let consumer = topic.ordered(subscription).start().await?;
    let relay = Relay::new("bench", store.clone(), MemoryReadModel::new())
        .publish(Interest::everything(), topic.clone())
        .start()?;
    relay.published(from).await?;
    consumer.when(|status| status.partitions.len() == 4).await?;
    let mut tick = tokio::time::interval(Duration::from_micros(1_000_000 / PACE));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let mut appends = Vec::new();
    for at in 0..events {
        tick.tick().await;
        let sent = u64::try_from(begun.elapsed().as_micros())?;
        let metadata = Metadata::new().with_extra("sent", sent);
        let event = NewEvent::of(&AccountEvent::numbered(at))?.with_metadata(metadata);
        let append = Append::to(account(at % STREAMS)?, ExpectedVersion::Any).event(event);
        let store = store.clone();
        appends.push(tokio::spawn(async move { store.append(append).await }));
    }
    for append in appends {
        append.await??;
    }
    let count = || seen.lock().unwrap_or_else(PoisonError::into_inner).len() as u64;
    while count() < events {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut micros = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    micros.sort_unstable();
    let at = |percent: usize| micros.get(micros.len() * percent / 100).copied().unwrap_or(0);
    let (p50, p99) = (at(50), at(99));
    consumer.stop(Duration::from_secs(5)).await;
    relay.stop(Duration::from_secs(5)).await;
    topic.remove_group("bench").await?;
    let text = format!(
        "bus: append on PostgreSQL to handler on Redis at {PACE} events/s: p50 {:.1} ms, p99 {:.1} ms",
        p50 as f64 / 1e3,
        p99 as f64 / 1e3
    );
    Ok(json!({ "text": text, "p50_us": p50, "p99_us": p99 }))
}

fn finished(events: u64, begin: Instant) -> Run {
    let mut run = Run::default();
    let elapsed = begin.elapsed();
    run.called(elapsed, events);
    run.elapsed = elapsed;
    run
}
