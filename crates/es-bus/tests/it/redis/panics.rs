//! What no guard around a handler can catch costs a repetition, and no event.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use es_bus::{ConsumerState, RedisConsumer, Subscription};
use es_core::{ErrorKind, Recorded};

use super::{LEASE, World, quick};
use crate::sample::Seen;

/// An error that panics when it is thrown away.
#[derive(Debug)]
struct Bomb;

impl fmt::Display for Bomb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bomb")
    }
}

impl std::error::Error for Bomb {}

impl Drop for Bomb {
    fn drop(&mut self) {
        // A second panic while the first unwinds would end the process.
        if !std::thread::panicking() {
            panic!("an error that was dropped");
        }
    }
}

/// Fails three times on the second event, in a way that ends the task.
fn exploding(seen: &Seen) -> Subscription {
    let (seen, bombs) = (seen.clone(), Arc::new(AtomicU32::new(0)));
    let call = move |event: &Recorded| {
        if event.position.get() == 2 && bombs.fetch_add(1, Ordering::SeqCst) < 3 {
            return Err(Bomb.into());
        }
        seen.note(event)
    };
    Subscription::to_everything("all").with_retry(quick(9)).call(call)
}

async fn survives(make: impl Fn(&World, Subscription) -> RedisConsumer) -> Vec<u64> {
    let world = World::new().await;
    let (relay, seen) = (world.start(), Seen::default());
    let last = world.append(&["a", "a", "a", "b", "a"]).await;
    relay.published(last).await.unwrap();
    let consumer = make(&world, exploding(&seen)).with_lease(LEASE).start().await.unwrap();
    relay.when(|status| status.consumed == last).await.unwrap();
    let status = consumer.status();
    assert_eq!(status.state, ConsumerState::Active);
    assert!(consumer.stop(Duration::from_secs(60)).await);
    seen.all()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_whose_task_panics_is_served_again_in_order() {
    let seen = survives(|world, subscription| world.topic.ordered(subscription)).await;
    // Without repetitions, in order and whole.
    let mut next = 0;
    for position in seen.iter().filter(|position| **position != 4) {
        let at = [1, 2, 3, 5].iter().position(|one| one == position).unwrap();
        assert!(at <= next, "{seen:?}");
        next = next.max(at + 1);
    }
    assert_eq!(next, 4, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_whose_worker_panics_comes_again() {
    let seen = survives(|world, subscription| {
        // A worker that were not given back would be the last one.
        world.topic.competing(subscription).with_workers(1)
    })
    .await;
    let mut all = seen;
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3, 4, 5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_consumer_that_ends_is_told() {
    let world = World::new().await;
    let (relay, seen) = (world.start(), Seen::default());
    relay.published(world.append(&["a"]).await).await.unwrap();
    let noting = seen.clone();
    let one = Subscription::to_everything("one").call(move |e| noting.note(e));
    let ordered = world.topic.ordered(one).start().await.unwrap();
    ordered.when(|status| status.handled == 1).await.unwrap();
    // A group has one mode, so this one cannot go on.
    for _ in 0..50 {
        let other = Subscription::to_everything("one").call(|_| Ok(()));
        let competing = world.topic.competing(other).start().await.unwrap();
        // Whoever waits may look, too.
        let told = competing.when(|_| competing.status().handled > 0).await.unwrap_err();
        assert_eq!(told.kind(), ErrorKind::Closed);
        assert!(told.to_string().contains("choose another name"), "{told}");
    }
}
