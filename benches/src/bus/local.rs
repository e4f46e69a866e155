//! Workload `publish`: one publisher, one handler that counts, against a bounded channel that
//! carries the same pointer; and what each further handler costs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use anyhow::Context;
use eventsource::{Recorded, prelude::*};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

use crate::{
    Effort,
    domain::{AccountEvent, account},
    measure::{Row, Run, Side, alternate, as_f64},
};

const EVENTS: u64 = 400_000;
const ROOM: usize = 1_024;

pub(super) async fn measure(effort: Effort) -> anyhow::Result<(Vec<Row>, Vec<Value>)> {
    let event = sample().await?;
    let mut rows = Vec::new();
    for (batch, typed) in [(1, false), (1, true), (64, false)] {
        rows.push(one(effort, &event, 1, batch, typed).await?);
    }
    let mut others = Vec::new();
    let alone = per_event(&rows.iter().map(|row| row.ours).next());
    for handlers in [2, 4, 8] {
        let row = one(effort, &event, handlers, 1, false).await?;
        let each = (per_event(&Some(row.ours)) - alone) / as_f64(handlers - 1);
        let text = format!(
            "bus: with {handlers} handlers, each further one costs {each:.0} ns per event \
             (the first, and publishing: {alone:.0} ns)"
        );
        others.push(json!({ "text": text, "handlers": handlers, "further_ns": each }));
        rows.push(row);
    }
    Ok((rows, others))
}

fn per_event(side: &Option<Side>) -> f64 {
    side.as_ref().map_or(0.0, |side| 1e9 / side.per_s)
}

/// An event as a log gives it.
async fn sample() -> anyhow::Result<Recorded> {
    let store = Store::new(eventsource::MemoryStore::new());
    let event = NewEvent::of(&AccountEvent::numbered(1))?;
    store.append(Append::to(account(1)?, ExpectedVersion::Any).event(event)).await?;
    let mut all = store.read(Read::all());
    Ok(all.next().await.context("the log is empty")??)
}

/// Counts to a number, and tells when it is there.
struct Count {
    seen: AtomicU64,
    of: u64,
    reached: Notify,
}

impl Count {
    fn to(of: u64) -> Arc<Self> {
        Arc::new(Self { seen: AtomicU64::new(0), of, reached: Notify::new() })
    }

    fn one(&self) {
        if self.seen.fetch_add(1, Ordering::Relaxed) + 1 == self.of {
            self.reached.notify_one();
        }
    }
}

async fn one(
    effort: Effort,
    event: &Recorded,
    handlers: u64,
    batch: u64,
    typed: bool,
) -> anyhow::Result<Row> {
    let calls = EVENTS / effort.thrift / batch / handlers;
    let ours = || async move {
        let bus = LocalBus::new();
        let count = Count::to(calls * batch * handlers);
        for handler in 0..handlers {
            let (count, name) = (Arc::clone(&count), format!("h{handler}"));
            bus.subscribe(if typed {
                Subscription::to::<AccountEvent>(name).call(move |_| {
                    count.one();
                    Ok(())
                })
            } else {
                Subscription::to_everything(name).call(move |_| {
                    count.one();
                    Ok(())
                })
            })?;
        }
        let events = vec![event.clone(); usize::try_from(batch)?];
        let begin = Instant::now();
        for _ in 0..calls {
            bus.publish(&events).await?;
        }
        count.reached.notified().await;
        Ok(run(calls * batch, begin))
    };
    let floor = || async move {
        let (send, mut receive) = mpsc::channel::<Recorded>(ROOM);
        let count = Count::to(calls * batch);
        let counting = Arc::clone(&count);
        let task = tokio::spawn(async move {
            while receive.recv().await.is_some() {
                counting.one();
            }
        });
        let begin = Instant::now();
        for _ in 0..calls * batch {
            send.send(event.clone()).await?;
        }
        count.reached.notified().await;
        let run = run(calls * batch, begin);
        drop(send);
        task.await?;
        Ok(run)
    };
    let (ours, floor) = alternate(effort.rounds, ours, floor).await?;
    let params = json!({ "handlers": handlers, "batch": batch, "decoded": typed });
    let durability = "none: in process".to_owned();
    Ok(Row { area: "bus", workload: "publish", params, ours, floor, durability })
}

fn run(units: u64, begin: Instant) -> Run {
    let mut run = Run::default();
    let elapsed = begin.elapsed();
    run.called(elapsed, units);
    run.elapsed = elapsed;
    run
}
