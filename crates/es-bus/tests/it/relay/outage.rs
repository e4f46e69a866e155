//! What a relay meets and survives: a log that breaks and is whole again, and a bus that is full.

use es_bus::{Interest, LocalBus, LocalOptions, Relay, Subscription, WhenFull};
use es_core::{ErrorKind, Position};
use es_testkit::{Faults, HeadFault, ReadFault, WaitFault, When};

use super::World;
use crate::sample::Seen;

#[tokio::test]
async fn it_goes_on_reading_after_what_broke_is_whole_again() {
    let mut world = World::new();
    let faults = Faults::new();
    world.store = world.store.layer(&faults);
    let relay = world.start();
    let mut last = world.append(&["a", "b"]).await;
    relay.published(last).await.unwrap();
    // A follower ends with each of these; the relay must not.
    for kind in [ErrorKind::Fault, ErrorKind::OutcomeUnknown] {
        for _ in 0..2 {
            faults.on_read(When::next(), ReadFault::fail_after(1, kind));
            faults.on_read(When::next(), ReadFault::fail(kind));
            faults.on_head(When::next(), HeadFault::fail(kind));
            faults.on_wait(When::next(), WaitFault::fail(kind));
            last = world.append(&["a", "b", "a"]).await;
            relay.published(last).await.unwrap();
        }
    }
    assert_eq!(world.shelf.positions(), (1..=last.get()).collect::<Vec<_>>());
    assert!(relay.status().retries >= 4, "{:?}", relay.status());
}

#[tokio::test]
async fn a_bus_whose_queue_is_smaller_than_a_batch_is_waited_for() {
    let world = World::new();
    let options = LocalOptions::default().with_queue(2).with_when_full(WhenFull::Busy);
    let (bus, seen) = (LocalBus::with_options(options).unwrap(), Seen::default());
    let noting = seen.clone();
    bus.subscribe(Subscription::to_everything("all").call(move |e| noting.note(e))).unwrap();
    let last = world.append(&["a"; 50]).await;
    let relay = Relay::new("local", world.store.clone(), world.progress.clone())
        .publish(Interest::everything(), bus)
        .start()
        .unwrap();
    relay.published(last).await.unwrap();
    assert_eq!(seen.all(), (1..=50).collect::<Vec<_>>());
    assert_eq!(relay.status().position, Position::new(50));
}
