//! What competing consumers are given again, and what an outage must not add to that.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use es_bus::{RunningConsumer, Subscription, TopicOptions};
use es_core::Recorded;
use es_testkit::servers::{Cut, Proxy, RedisConfig, RedisServer};
use tokio::sync::{Semaphore, mpsc};

use super::{LEASE, World, until};
use crate::sample::Seen;

const RECOVER: &str = include_str!("../../../src/redis/scripts/recover.lua");

async fn world(server: &RedisServer) -> World {
    World::at(server.url(), TopicOptions::default().with_partitions(1)).await
}

/// Says what it begins, and ends nothing before the gate opens.
fn holding(entered: &mpsc::Sender<u64>, gate: &Arc<Semaphore>) -> Subscription {
    let (entered, gate) = (entered.clone(), Arc::clone(gate));
    Subscription::to_everything("all").run(move |event: Recorded| {
        let (entered, gate) = (entered.clone(), Arc::clone(&gate));
        async move {
            entered.send(event.position.get()).await?;
            gate.acquire().await?.forget();
            Ok(())
        }
    })
}

/// How long ago the oldest pending message showed a sign of life, in ms, and its deliveries.
fn oldest(server: &RedisServer, world: &World) -> Option<(i64, i64)> {
    let key = world.topic_key("p:0");
    let pending = server.ask(&["XPENDING", &key, "all", "-", "+", "1"]);
    let first = pending.list().first()?;
    Some((first.list()[2].number(), first.list()[3].number()))
}

/// A message that was taken over time and again, by somebody who never heard of it, was begun by
/// nobody: it is no dead letter.
#[tokio::test]
async fn replies_that_are_lost_use_up_no_attempts() {
    let server = RedisServer::start(&RedisConfig::in_memory());
    let world = world(&server).await;
    let relay = world.start();
    let (entered, mut entering) = mpsc::channel(9);
    let gate = Arc::new(Semaphore::new(0));
    let dying = world.topic.competing(holding(&entered, &gate)).with_lease(LEASE);
    let dying = dying.start().await.unwrap();
    relay.published(world.append(&["a"]).await).await.unwrap();
    assert_eq!(entering.recv().await, Some(1));
    drop(dying);
    let key = world.topic_key("p:0");
    for _ in 0..9 {
        let taken = server.ask(&["EVAL", RECOVER, "1", &key, "all", "deaf", "0", "0-0", "9"]);
        assert_eq!(taken.list()[2].list().len(), 1, "{taken:?}");
    }
    let seen = Seen::default();
    let noting = seen.clone();
    let all = Subscription::to_everything("all").call(move |event| noting.note(event));
    let heir = world.topic.competing(all).with_lease(LEASE).start().await.unwrap();
    heir.when(|status| status.handled + status.dead_letters > 0).await.unwrap();
    assert_eq!((seen.all(), heir.status().dead_letters), (vec![1], 0));
}

/// A sign of life is no delivery, and taking over is one.
#[tokio::test]
async fn a_sign_of_life_leaves_the_number_of_deliveries_as_it_is() {
    let server = RedisServer::start(&RedisConfig::in_memory());
    let world = world(&server).await;
    let relay = world.start();
    let (entered, mut entering) = mpsc::channel(9);
    let gate = Arc::new(Semaphore::new(0));
    for deliveries in 1..=3 {
        let slow = world.topic.competing(holding(&entered, &gate)).with_lease(LEASE);
        let slow = slow.start().await.unwrap();
        if deliveries == 1 {
            relay.published(world.append(&["a"]).await).await.unwrap();
        }
        assert_eq!(entering.recv().await, Some(1));
        // Each fall of the time since the last sign of life is one.
        let (mut signs, mut before) = (0, 0);
        until("it has shown that it lives", async || {
            let (silent, found) = oldest(&server, &world).unwrap();
            assert_eq!(found, deliveries);
            signs += u32::from(silent < before);
            before = silent;
            signs >= 5
        })
        .await;
        drop(slow);
    }
}

/// The group is gone while something is in hand: that ends when it ends, and others need not wait.
#[tokio::test]
async fn a_group_that_is_lost_under_a_long_handler_is_made_anew_at_once() {
    let server = RedisServer::start(&RedisConfig::in_memory());
    let world = world(&server).await;
    let relay = world.start();
    let (entered, mut entering) = mpsc::channel(9);
    let gate = Arc::new(Semaphore::new(0));
    let slow = world.topic.competing(holding(&entered, &gate)).with_lease(LEASE);
    let slow = slow.start().await.unwrap();
    relay.published(world.append(&["a"]).await).await.unwrap();
    assert_eq!(entering.recv().await, Some(1));
    let key = world.topic_key("p:0");
    server.ask(&["XGROUP", "DESTROY", &key, "all"]);
    until("that is noticed", async || slow.status().last_error.is_some()).await;
    let last = world.append(&["b"]).await;
    assert_eq!(entering.recv().await, Some(2), "the first is still in hand");
    gate.add_permits(2);
    slow.when(|status| status.handled == 2).await.unwrap();
    relay.when(|status| status.consumed == last).await.unwrap();
    assert!(entering.try_recv().is_err(), "each was begun once");
}

/// While the group cannot be made anew, there is no hot loop.
#[tokio::test]
async fn a_group_that_is_gone_time_and_again_is_not_asked_for_in_a_loop() {
    let server = RedisServer::start(&RedisConfig::in_memory());
    let world = world(&server).await;
    let relay = world.start();
    let all = Subscription::to_everything("all").call(|_| Ok(()));
    let consumer = world.topic.competing(all).with_lease(Duration::from_secs(30)).start();
    let consumer = consumer.await.unwrap();
    relay.published(world.append(&["a"]).await).await.unwrap();
    consumer.when(|status| status.handled == 1).await.unwrap();
    let key = world.topic_key("p:0");
    let calls = || -> u64 {
        let all = server.info("cmdstat_evalsha").unwrap();
        all.split(&['=', ','][..]).nth(1).unwrap().parse().unwrap()
    };
    let (before, begun) = (calls(), Instant::now());
    let mut destroyed = 0;
    until("it was gone for a while", async || {
        destroyed += server.ask(&["XGROUP", "DESTROY", &key, "all"]).number();
        begun.elapsed() > Duration::from_secs(2)
    })
    .await;
    assert!(destroyed > 0);
    let (asked, seconds) = (calls() - before, begun.elapsed().as_secs() + 1);
    // The relay asks fifty times a second, and is one of those that do.
    assert!(asked < 250 * seconds, "{asked} scripts in {seconds} seconds");
}

/// An acknowledgement that is lost is sent again, before anybody takes the message over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_handled_is_acknowledged_however_often_the_connection_breaks() {
    let server = RedisServer::start(&RedisConfig::in_memory());
    let world = world(&server).await;
    let proxy = Arc::new(Proxy::start(server.address()).await);
    let relay = world.start();
    let (cutting, seen) = (Arc::clone(&proxy), Seen::default());
    let noting = seen.clone();
    let all = Subscription::to_everything("all").call(move |event| {
        cutting.cut_next(Cut::Before);
        noting.note(event)
    });
    let topic = world.through(&format!("redis://{}", proxy.address())).await;
    let consumer = topic.competing(all).with_lease(LEASE * 3).start().await.unwrap();
    let mut last = es_core::Position::START;
    for round in 1..=15 {
        last = world.append(&["a"]).await;
        consumer.when(|status| status.handled >= round).await.unwrap();
    }
    relay.when(|status| status.consumed == last).await.unwrap();
    assert_eq!(seen.all(), (1..=15).collect::<Vec<_>>(), "each once");
    assert_eq!(consumer.status().handled, 15);
}

/// After an outage that was longer than a lease everybody looks dead, and nobody is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_outage_the_living_have_time_to_say_that_they_live() {
    let lease = Duration::from_secs(6);
    let mut server = RedisServer::start(&RedisConfig::durable());
    let world = world(&server).await;
    let proxy = Proxy::start(server.address()).await;
    let relay = world.start();
    let (entered, mut entering) = mpsc::channel(9);
    let gate = Arc::new(Semaphore::new(0));
    let topic = world.through(&format!("redis://{}", proxy.address())).await;
    let slow = topic.competing(holding(&entered, &gate)).with_lease(lease).with_workers(1);
    let slow = slow.start().await.unwrap();
    relay.published(world.append(&["a"]).await).await.unwrap();
    assert_eq!(entering.recv().await, Some(1));
    let handled = Arc::new(AtomicU64::new(0));
    let counting = Arc::clone(&handled);
    let all = Subscription::to_everything("all").call(move |_| {
        counting.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let other: RunningConsumer =
        world.topic.competing(all).with_lease(lease).start().await.unwrap();
    other.when(|status| status.state == es_bus::ConsumerState::Active).await.unwrap();

    server.kill();
    // The slow one finds its way back later than the other.
    proxy.lead_to(([127, 0, 0, 1], 1).into());
    let begun = Instant::now();
    until("the outage is longer than a lease", async || begun.elapsed() > lease + LEASE).await;
    server.run_again();
    world.append(&["b"]).await;
    other.when(|status| status.handled == 1).await.unwrap();
    proxy.lead_to(server.address());
    let signs = || oldest(&server, &world).is_some_and(|(silent, _)| silent < 1_000);
    until("the slow one has shown that it lives", async || signs()).await;
    let last = world.append(&["c"]).await;
    other.when(|status| status.handled == 2).await.unwrap();
    assert_eq!(other.status().recovered, 0);
    gate.add_permits(1);
    relay.when(|status| status.consumed == last).await.unwrap();
    assert_eq!((slow.status().handled, handled.load(Ordering::SeqCst)), (1, 2));
}
