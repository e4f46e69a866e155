//! The ordered mode: each stream in its order, through crashes, hand-over and poison.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use es_bus::{ConsumerState, Exhausted, Interest, RunningConsumer, Subscription};
use es_core::{Category, ErrorKind, NewEvent, Payload, Recorded, Schema};

use super::{LEASE, World, quick, until};
use crate::sample::{OrderEvent, Seen};

/// What each stream's handler calls were, over all consumers.
#[derive(Clone, Default)]
struct Streams(Arc<Mutex<HashMap<String, Vec<u64>>>>);

impl Streams {
    fn note(&self, event: &Recorded) {
        let key = event.stream.key().to_string();
        self.0.lock().unwrap().entry(key).or_default().push(event.version.get());
    }

    /// Without repetitions, each is in order and whole.
    fn check(&self, streams: usize, each: u64) {
        let streams_seen = self.0.lock().unwrap();
        assert_eq!(streams_seen.len(), streams);
        for (stream, versions) in streams_seen.iter() {
            let mut next = 1;
            for version in versions {
                assert!(*version <= next, "{stream}: {version} before {next}");
                next = next.max(version + 1);
            }
            assert_eq!(next, each + 1, "{stream} is not whole: {versions:?}");
        }
    }
}

fn noting(name: &str, streams: &Streams) -> Subscription {
    let streams = streams.clone();
    Subscription::to_everything(name).run(move |event: Recorded| {
        let streams = streams.clone();
        async move {
            tokio::task::yield_now().await;
            streams.note(&event);
            Ok(())
        }
    })
}

async fn start(world: &World, streams: &Streams) -> RunningConsumer {
    let topic = world.another().await;
    topic.ordered(noting("all", streams)).with_lease(LEASE).start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_keep_their_order_while_consumers_come_go_and_crash() {
    const STREAMS: usize = 20;
    const EACH: u64 = 25;
    let world = World::new().await;
    let relay = world.relay().with_batch(16).start().unwrap();
    let streams = Streams::default();
    let mut consumers = vec![start(&world, &streams).await];
    for round in 0..EACH {
        let orders: Vec<String> = (0..STREAMS).map(|n| format!("o{n}")).collect();
        let orders: Vec<&str> = orders.iter().map(String::as_str).collect();
        world.append(&orders).await;
        match round % 5 {
            0 | 1 => consumers.push(start(&world, &streams).await),
            2 => drop(consumers.remove(0)), // as a crash would
            3 => drop(consumers.remove(0).stop(Duration::from_secs(10)).await),
            _ => {}
        }
    }
    let last = world.store.head().await.unwrap().position;
    relay.published(last).await.unwrap();
    until("all is consumed", async || relay.status().consumed == last).await;
    streams.check(STREAMS, EACH);
}

#[tokio::test]
async fn partitions_are_shared_and_handed_over_at_once() {
    let world = World::new().await;
    let _relay = world.start();
    let lease = Duration::from_secs(600);
    let streams = Streams::default();
    let start = async || {
        let consumer = world.topic.ordered(noting("all", &streams)).with_lease(lease);
        consumer.start().await.unwrap()
    };
    let one = start().await;
    one.when(|status| status.partitions.len() == 4).await.unwrap();
    let status = world.topic.group("all").await.unwrap();
    assert_eq!((status.consumers, status.lag, status.dead_letters), (1, 0, 0));
    assert!(one.stop(Duration::from_secs(10)).await);
    // With leases of ten minutes, only a hand-over makes this quick.
    let two = start().await;
    two.when(|status| status.partitions.len() == 4).await.unwrap();
    drop(two);
    let short = world.topic.ordered(noting("short", &streams)).with_lease(LEASE);
    let short = short.start().await.unwrap();
    short.when(|status| status.partitions.len() == 4).await.unwrap();
    let other = world.topic.ordered(noting("short", &streams)).with_lease(LEASE);
    let other = other.start().await.unwrap();
    other.when(|status| status.partitions.len() == 2).await.unwrap();
    assert_eq!(short.when(|s| s.partitions.len() == 2).await.unwrap().state, ConsumerState::Active);
}

#[tokio::test]
async fn poison_parks_its_stream_only_and_is_replayed_in_order() {
    let world = World::new().await;
    let relay = world.start();
    let (seen, heals) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let (noting, healed) = (seen.clone(), Arc::clone(&heals));
    let subscription = Subscription::to::<OrderEvent>("all").with_retry(quick(3));
    let subscription = subscription.call(move |event| {
        if event.position.get() == 1 && !healed.load(Ordering::SeqCst) {
            return Err("poison".into());
        }
        noting.note(event)
    });
    let consumer = world.topic.ordered(subscription).with_lease(LEASE).start().await.unwrap();
    let last = world.append(&["a", "b", "a", "c", "a"]).await;
    relay.published(last).await.unwrap();
    consumer.when(|status| status.handled == 2 && status.dead_letters == 3).await.unwrap();
    let mut positions = seen.all();
    positions.sort_unstable();
    assert_eq!(positions, [2, 4]);
    assert_eq!(consumer.status().retries, 2);
    let letters = world.topic.dead_letters("all", 10).await.unwrap();
    let found: Vec<_> = letters
        .iter()
        .map(|kept| {
            (kept.letter.position.get(), kept.letter.attempts, kept.letter.cause.as_deref())
        })
        .collect();
    assert_eq!(found, [(1, 3, Some("poison")), (3, 0, None), (5, 0, None)]);
    assert_eq!(letters[0].event.stream.key().as_str(), "a");
    assert_eq!(world.topic.group("all").await.unwrap().parked_streams, 1);

    // Again in vain: nothing overtakes it, and what was tried is noted. Also by another owner.
    drop(consumer);
    let healed = Arc::clone(&heals);
    let noting = seen.clone();
    let subscription = Subscription::to::<OrderEvent>("all").with_retry(quick(3));
    let subscription = subscription.call(move |event| {
        if event.position.get() == 1 && !healed.load(Ordering::SeqCst) {
            return Err("still poison".into());
        }
        noting.note(event)
    });
    let consumer = world.topic.ordered(subscription).with_lease(LEASE).start().await.unwrap();
    assert_eq!(world.topic.replay("all").await.unwrap(), 3);
    until("it was tried again", async || {
        let letters = world.topic.dead_letters("all", 1).await.unwrap();
        letters[0].letter.attempts == 6
    })
    .await;
    let letters = world.topic.dead_letters("all", 10).await.unwrap();
    assert_eq!(letters[0].letter.cause.as_deref(), Some("still poison"));
    assert_eq!((letters.len(), seen.all().len()), (3, 2));

    heals.store(true, Ordering::SeqCst);
    world.topic.replay("all").await.unwrap();
    consumer.when(|status| status.handled == 3).await.unwrap();
    world.append(&["a"]).await;
    consumer.when(|status| status.handled == 4).await.unwrap();
    assert_eq!(seen.all()[2..], [1, 3, 5, 6]);
    assert_eq!(world.topic.dead_letters("all", 10).await.unwrap(), []);
    assert_eq!(world.topic.group("all").await.unwrap().parked_streams, 0);
}

#[tokio::test]
async fn a_letter_that_is_given_up_frees_its_stream() {
    let world = World::new().await;
    let relay = world.start();
    let seen = Seen::default();
    let noting = seen.clone();
    let subscription = Subscription::to::<OrderEvent>("all").with_retry(quick(1));
    let subscription = subscription.call(move |event| match event.position.get() {
        1 => Err("poison".into()),
        _ => noting.note(event),
    });
    let consumer = world.topic.ordered(subscription).with_lease(LEASE).start().await.unwrap();
    let last = world.append(&["a", "a"]).await;
    relay.published(last).await.unwrap();
    consumer.when(|status| status.dead_letters == 2).await.unwrap();
    let poison = world.topic.dead_letters("all", 1).await.unwrap().remove(0);
    assert_eq!(world.topic.discard("all", poison.event.id).await.unwrap(), 1);
    assert_eq!(world.topic.discard("all", poison.event.id).await.unwrap(), 0);
    world.topic.replay("all").await.unwrap();
    consumer.when(|status| status.handled == 1).await.unwrap();
    world.append(&["a"]).await;
    consumer.when(|status| status.handled == 2).await.unwrap();
    assert_eq!(seen.all(), [2, 3]);
}

#[tokio::test]
async fn other_ends_of_the_retries() {
    let world = World::new().await;
    let relay = world.start();
    let heals = Arc::new(AtomicBool::new(false));
    let (seen, healed) = (Seen::default(), Arc::clone(&heals));
    let noting = seen.clone();
    let retry = quick(2).with_exhausted(Exhausted::DeadLetter);
    let careless = Subscription::to::<OrderEvent>("careless").with_retry(retry);
    let careless = careless.call(move |event| match event.position.get() {
        1 => Err("poison".into()),
        _ => noting.note(event),
    });
    let careless = world.topic.ordered(careless).with_lease(LEASE).start().await.unwrap();
    let retry = quick(2).with_exhausted(Exhausted::Block);
    let stubborn = Subscription::to::<OrderEvent>("stubborn").with_retry(retry);
    let stubborn = stubborn
        .call(move |_| if healed.load(Ordering::SeqCst) { Ok(()) } else { Err("not yet".into()) });
    let stubborn = world.topic.ordered(stubborn).with_lease(LEASE).start().await.unwrap();
    let last = world.append(&["a", "a"]).await;
    relay.published(last).await.unwrap();
    careless.when(|status| status.handled == 1 && status.dead_letters == 1).await.unwrap();
    assert_eq!(seen.all(), [2]);
    until("it was tried often", async || stubborn.status().retries > 4).await;
    assert_eq!(stubborn.status().handled, 0);
    heals.store(true, Ordering::SeqCst);
    stubborn.when(|status| status.handled == 2).await.unwrap();
}

#[tokio::test]
async fn unknown_types_are_parked_until_a_newer_version_takes_them() {
    let world = World::new().await;
    let relay = world.start();
    let old = Subscription::to_all_of::<OrderEvent>("all", Category::from_static("order"));
    let old = world.topic.ordered(old.call(|_| Ok(()))).with_lease(LEASE).start().await.unwrap();
    let by_type = Subscription::to::<OrderEvent>("typed").call(|_| Ok(()));
    let by_type = world.topic.ordered(by_type).with_lease(LEASE).start().await.unwrap();
    let ignoring = Subscription::to::<OrderEvent>("ignoring").call(|_| Ok(()));
    let ignoring = world.topic.ordered(ignoring).ignoring(Interest::everything());
    let ignoring = ignoring.with_lease(LEASE).start().await.unwrap();
    world.append(&["a"]).await;
    let new = NewEvent::raw(Schema::from_static("order.refunded", 1), Payload::json(&1).unwrap());
    world.append_raw("a", new).await;
    let last = world.append(&["a", "b"]).await;
    relay.published(last).await.unwrap();
    old.when(|status| (status.handled, status.dead_letters) == (2, 2)).await.unwrap();
    by_type.when(|status| (status.handled, status.dead_letters) == (2, 2)).await.unwrap();
    ignoring.when(|status| (status.handled, status.passed_over) == (3, 1)).await.unwrap();
    assert!(old.stop(Duration::from_secs(10)).await);

    let seen = Seen::default();
    let noting = seen.clone();
    let newer = Subscription::to_category("all", Category::from_static("order"));
    let newer = world.topic.ordered(newer.call(move |e| noting.note(e))).with_lease(LEASE);
    let newer = newer.start().await.unwrap();
    world.topic.replay("all").await.unwrap();
    newer.when(|status| status.handled == 2).await.unwrap();
    assert_eq!(seen.all(), [2, 3]);
}

#[tokio::test]
async fn a_paused_owner_is_fenced_and_its_handler_broken_off() {
    let world = World::new().await;
    let relay = world.start();
    let (entered, mut entering) = tokio::sync::mpsc::channel(9);
    let seen = Seen::default();
    let noting = seen.clone();
    let stuck = Subscription::to_everything("all").run(move |event: Recorded| {
        let (entered, seen) = (entered.clone(), noting.clone());
        async move {
            entered.send(event.position.get()).await?;
            // As long as nobody renews the lease, this is broken off.
            std::future::pending::<()>().await;
            seen.note(&event)
        }
    });
    let first = world.topic.ordered(stuck).with_lease(LEASE).start().await.unwrap();
    let last = world.append(&["a"]).await;
    relay.published(last).await.unwrap();
    assert_eq!(entering.recv().await, Some(1));
    drop(first);
    let streams = Streams::default();
    let second = start(&world, &streams).await;
    second.when(|status| status.handled == 1).await.unwrap();
    streams.check(1, 1);
    assert!(seen.all().is_empty());
}

#[tokio::test]
async fn a_group_has_one_mode() {
    let world = World::new().await;
    let _relay = world.start();
    let all = || Subscription::to_everything("all").call(|_| Ok(()));
    let ordered = world.topic.ordered(all()).with_lease(LEASE).start().await.unwrap();
    ordered.when(|status| status.state == ConsumerState::Active).await.unwrap();
    let competing = world.topic.competing(all()).with_lease(LEASE).start().await.unwrap();
    let ended = competing.when(|status| status.state == ConsumerState::Active).await;
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(competing.status().state, ConsumerState::Failed);
}

/// A letter behind which nothing waits says nothing of one behind which something does.
async fn a_stream_stays_parked(is_discarded: bool) {
    let world = World::new().await;
    let relay = world.start();
    let (seen, heals) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let (noting, healed) = (seen.clone(), Arc::clone(&heals));
    let retry = quick(1).with_exhausted(Exhausted::DeadLetter);
    let all = Subscription::to::<OrderEvent>("all").with_retry(retry);
    let all = all.call(move |event| match healed.load(Ordering::SeqCst) {
        true => noting.note(event),
        false => Err("not yet".into()),
    });
    let consumer = world.topic.ordered(all).with_lease(LEASE).start().await.unwrap();
    world.append(&["a"]).await;
    let new = NewEvent::raw(Schema::from_static("order.refunded", 1), Payload::json(&1).unwrap());
    relay.published(world.append_raw("a", new).await).await.unwrap();
    consumer.when(|status| status.dead_letters == 2).await.unwrap();
    let left = async || {
        let group = world.topic.group("all").await.unwrap();
        (group.dead_letters, group.parked_streams)
    };
    assert_eq!(left().await, (2, 1));
    heals.store(true, Ordering::SeqCst);
    if is_discarded {
        let alone = world.topic.dead_letters("all", 1).await.unwrap().remove(0);
        assert_eq!(world.topic.discard("all", alone.event.id).await.unwrap(), 1);
    } else {
        world.topic.replay("all").await.unwrap();
        consumer.when(|status| status.handled == 1).await.unwrap();
    }
    until("one is left", async || left().await.0 == 1).await;
    assert_eq!(left().await, (1, 1));
    // Also for an owner that learns of it now.
    assert!(consumer.stop(Duration::from_secs(60)).await);
    let noting = seen.clone();
    let next = Subscription::to::<OrderEvent>("all").call(move |event| noting.note(event));
    let next = world.topic.ordered(next).with_lease(LEASE).start().await.unwrap();
    relay.published(world.append(&["a", "b"]).await).await.unwrap();
    next.when(|status| status.handled + status.dead_letters == 2).await.unwrap();
    assert_eq!(seen.all(), if is_discarded { vec![4] } else { vec![1, 4] });
    assert_eq!(left().await, (2, 1));

    let noting = seen.clone();
    let newer = Subscription::to_everything("all").call(move |event| noting.note(event));
    assert!(next.stop(Duration::from_secs(60)).await);
    let newer = world.topic.ordered(newer).with_lease(LEASE).start().await.unwrap();
    world.topic.replay("all").await.unwrap();
    newer.when(|status| status.handled == 2).await.unwrap();
    assert!(seen.all().ends_with(&[2, 3]));
    until("nothing waits any more", async || left().await == (0, 0)).await;
}

#[tokio::test]
async fn a_letter_alone_that_is_replayed_frees_nothing_else() {
    a_stream_stays_parked(false).await;
}

#[tokio::test]
async fn a_letter_alone_that_is_given_up_frees_nothing_else() {
    a_stream_stays_parked(true).await;
}
