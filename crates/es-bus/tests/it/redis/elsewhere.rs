//! A topic on other set-ups of Redis: behind a sentinel, in a cluster, and over a long time.

use std::time::Duration;

use es_bus::{Subscription, TopicOptions};
use es_core::{Append, ExpectedVersion, NewEvent, Position, StreamId};
use es_testkit::servers::{RedisConfig, RedisSentinel, RedisServer};

use super::{
    LEASE, World,
    chaos::{Group, subscription},
    quick, until,
};
use crate::sample::{OrderEvent, Seen};

/// The sentinel promotes a replica that lacks some of what the primary had answered for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_that_loses_events_loses_none_and_no_order() {
    let mut server = RedisServer::start(&RedisConfig::in_memory());
    let replica = server.replica(&RedisConfig::in_memory());
    let sentinel = RedisSentinel::start(&server);
    let (address, name) = (sentinel.address(), sentinel.name());
    let url = format!("redis-sentinel://{address}?sentinelServiceName={name}");
    let world = World::at(url.clone(), TopicOptions::default().with_partitions(4)).await;
    let (ordered, competing) = (Group::default(), Group::default());
    let relay = world.start();
    let other = world.through(&url).await;
    let first = other.ordered(subscription("ordered", &ordered)).with_lease(LEASE);
    let first = first.start().await.unwrap();
    let second = world.topic.competing(subscription("competing", &competing)).with_lease(LEASE);
    let _second = second.start().await.unwrap();

    let orders: Vec<String> = (0..100).map(|n| format!("o{}", n % 7)).collect();
    let orders: Vec<&str> = orders.iter().map(String::as_str).collect();
    world.append(&orders).await;
    until("some are handled", async || ordered.count() > 50 && competing.count() > 50).await;
    // Both groups are known to the relay, and to the replica.
    for group in ["ordered", "competing"] {
        world.topic.group(group).await.unwrap();
    }
    replica.has_all_of(&server);
    // From here on the replica hears of nothing, and the primary goes on.
    replica.pause();
    server.ask(&["CLIENT", "KILL", "TYPE", "replica"]);
    let last = world.append(&orders).await;
    relay.published(last).await.unwrap();
    until("these are handled", async || ordered.count() == 200).await;
    server.kill();
    replica.resume();
    sentinel.fails_over_from(server.address());
    world.append(&orders).await;

    until("every event had its effect", async || {
        ordered.count() == 300 && competing.count() == 300
    })
    .await;
    ordered.kept_order();
    assert!(relay.status().rewinds > 0, "the replica had everything: {:?}", relay.status());
    assert!(first.stop(Duration::from_secs(60)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_has_all_of_a_topic_in_one_slot() {
    let server = RedisServer::cluster(&RedisConfig::in_memory());
    let url = server.url().replace("redis://", "redis-cluster://");
    let world = World::at(url, TopicOptions::default().with_partitions(4)).await;
    let relay = world.start();
    let failing = |name: &str, seen: &Seen| {
        let (seen, heals) = (seen.clone(), std::sync::atomic::AtomicU32::new(0));
        Subscription::to_everything(name).with_retry(quick(2)).call(move |event| {
            let is_poison = event.stream.key().as_str() == "poison";
            // Two attempts at the first delivery, and none after that.
            if is_poison && heals.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 2 {
                return Err("poison".into());
            }
            seen.note(event)
        })
    };
    let (in_order, in_none) = (Seen::default(), Seen::default());
    let ordered = world.topic.ordered(failing("ordered", &in_order)).with_lease(LEASE);
    let ordered = ordered.start().await.unwrap();
    let competing = world.topic.competing(failing("competing", &in_none)).with_lease(LEASE);
    let competing = competing.start().await.unwrap();
    let last = world.append(&["a", "poison", "b", "a", "c"]).await;
    relay.published(last).await.unwrap();
    for group in ["ordered", "competing"] {
        until("the poison is a dead letter", async || {
            world.topic.group(group).await.is_ok_and(|status| status.dead_letters == 1)
        })
        .await;
        assert_eq!(world.topic.dead_letters(group, 9).await.unwrap().len(), 1);
        assert_eq!(world.topic.replay(group).await.unwrap(), 1);
    }
    until("all is handled", async || in_order.all().len() == 5 && in_none.all().len() == 5).await;
    relay.when(|status| status.consumed == last).await.unwrap();
    assert!(ordered.stop(Duration::from_secs(60)).await);
    assert!(competing.stop(Duration::from_secs(60)).await);
    for group in ["ordered", "competing"] {
        assert!(world.topic.remove_group(group).await.unwrap());
    }
    let loose = server.ask(&["KEYS", "*"]);
    let is_tagged = |key: &es_testkit::servers::Reply| key.text().contains(":orders}:");
    assert!(loose.list().iter().all(is_tagged), "{loose:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_long_time_a_topic_does_not_grow() {
    const ROOM: u64 = 2_000;
    const BATCH: u64 = 256;
    let server = RedisServer::start(&RedisConfig::in_memory());
    let options = TopicOptions::default().with_partitions(4).with_room(ROOM);
    let world = World::at(server.url(), options).await;
    let relay = world.start();
    let both = [world.topic.ordered(Subscription::to_everything("ordered").call(|_| Ok(()))), {
        world.topic.competing(Subscription::to_everything("competing").call(|_| Ok(())))
    }];
    let mut consumers = Vec::new();
    for consumer in both {
        consumers.push(consumer.with_lease(LEASE).start().await.unwrap());
    }
    let keys: Vec<String> = (0..4).map(|at| world.topic_key(&format!("p:{at}"))).collect();
    let length = || keys.iter().map(|key| server.ask(&["XLEN", key]).number()).sum::<i64>();
    let memory = || -> u64 { server.info("used_memory").unwrap().parse().unwrap() };
    let (mut first, mut longest, rounds) = (None, 0, 12_u64);
    for round in 1..=rounds {
        for order in ["a", "b"] {
            let mut append =
                Append::to(StreamId::new("order", order).unwrap(), ExpectedVersion::Any);
            for cents in 0..1_000 {
                append = append.event(NewEvent::of(&OrderEvent::Placed { cents }).unwrap());
            }
            world.store.append(append).await.unwrap();
        }
        let last = Position::new(round * 2_000);
        let consumed = relay.when(|status| status.consumed >= last);
        let mut consumed = std::pin::pin!(consumed);
        while futures_util::FutureExt::now_or_never(&mut consumed).is_none() {
            longest = longest.max(length());
            tokio::task::yield_now().await;
        }
        first.get_or_insert_with(memory);
    }
    assert!(longest <= (ROOM + BATCH) as i64, "it grew to {longest}");
    assert!(longest > 0);
    assert_eq!(length(), 0, "what everyone has consumed is gone");
    let (first, last) = (first.unwrap(), memory());
    assert!(last < first + (4 << 20), "from {first} to {last} bytes");
}
