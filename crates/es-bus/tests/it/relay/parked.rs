//! An event that a transport refuses parks its stream, and nothing else.

use std::time::Duration;

use es_bus::{Interest, LocalBus, Relay, RelayState, Replayed, Retry, Subscription};
use es_core::{CheckpointStore, DeadLetterStore, Position, SubscriberName};

use super::{World, shelf::Shelf};
use crate::sample::Seen;

#[tokio::test]
async fn poison_parks_its_stream_only_also_after_a_restart() {
    let world = World::new();
    world.shelf.change(|state| state.poison = vec![1]);
    let last = world.append(&["a", "b", "a"]).await;
    let relay = world.start();
    relay.published(last).await.unwrap();
    assert_eq!(world.shelf.positions(), [2]);
    assert_eq!(relay.status().parked_streams, 1);
    drop(relay);

    let last = world.append(&["a", "b"]).await;
    let relay = world.start();
    relay.published(last).await.unwrap();
    assert_eq!(world.shelf.positions(), [2, 5]);
    let letters = relay.dead_letters(Position::START, 10).await.unwrap();
    let found: Vec<_> =
        letters.iter().map(|l| (l.position.get(), l.attempts, l.cause.as_deref())).collect();
    assert_eq!(found, [(1, 3, Some("poison")), (3, 0, None), (4, 0, None)]);
}

#[tokio::test]
async fn what_is_parked_can_be_published_again_in_order() {
    let world = World::new();
    world.shelf.change(|state| state.poison = vec![1, 3]);
    let last = world.append(&["a", "b", "a", "a"]).await;
    let relay = world.start();
    relay.published(last).await.unwrap();
    let replayed = relay.retry_parked().await.unwrap();
    assert_eq!((replayed.handled, replayed.left), (0, 3));

    world.shelf.change(|state| state.poison = vec![3]);
    let Replayed { handled, left, .. } = relay.retry_parked().await.unwrap();
    assert_eq!((handled, left), (1, 2));
    assert_eq!(world.shelf.positions(), [2, 1], "4 waits behind 3");

    assert!(relay.skip_parked(Position::new(3), "out of range").await.unwrap());
    assert!(!relay.skip_parked(Position::new(3), "again").await.unwrap());
    let Replayed { handled, left, .. } = relay.retry_parked().await.unwrap();
    assert_eq!((handled, left), (1, 0));
    let last = world.append(&["a"]).await;
    relay.published(last).await.unwrap();
    assert_eq!(world.shelf.positions(), [2, 1, 4, 5]);
    let name = SubscriberName::from_static("relay");
    let skipped = world.progress.skipped(&name, Position::START, 9).await.unwrap();
    assert_eq!(skipped[0].1, "out of range");
}

#[tokio::test]
async fn what_is_given_again_is_not_parked_twice() {
    let world = World::new();
    world.shelf.change(|state| state.poison = vec![1]);
    let last = world.append(&["a", "b", "a"]).await;
    let relay = world.start();
    relay.published(last).await.unwrap();
    world.shelf.change(|state| state.lost_after = Some(Position::START));
    let last = world.append(&["b"]).await;
    relay.published(last).await.unwrap();
    assert_eq!(world.shelf.positions(), [2, 2, 4]);
    assert_eq!(relay.dead_letters(Position::START, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_a_handler_in_process_gives_up_holds_up_no_other_and_not_the_relay() {
    let world = World::new();
    let bus = LocalBus::new();
    let (failed, well) = (Seen::default(), Seen::default());
    let (noting, all) = (failed.clone(), well.clone());
    let failing = Subscription::to_everything("mailer").with_retry(Retry::never());
    bus.subscribe(failing.call(move |event| match event.position.get() {
        1 => Err("no mail".into()),
        _ => noting.note(event),
    }))
    .unwrap();
    bus.subscribe(Subscription::to_everything("well").call(move |e| all.note(e))).unwrap();
    let relay = Relay::new("local", world.store.clone(), world.progress.clone())
        .publish(Interest::everything(), bus.clone())
        .start()
        .unwrap();
    let last = world.append(&["a", "b", "a"]).await;
    relay.published(last).await.unwrap();
    assert_eq!((failed.all(), well.all()), (vec![2], vec![1, 2, 3]));
    assert_eq!(bus.dead_letters("mailer").unwrap().len(), 2);
    assert!(relay.dead_letters(Position::START, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_transport_that_refuses_nothing_is_given_everything_once_and_in_order() {
    let world = World::new();
    world.shelf.change(|state| state.poison = vec![1]);
    let firm = Shelf::default();
    firm.change(|state| state.is_firm = true);
    let relay = world.relay().publish(Interest::everything(), firm.clone()).start().unwrap();
    let last = world.append(&["a", "b", "a"]).await;
    relay.published(last).await.unwrap();
    let last = world.append(&["a", "b"]).await;
    relay.published(last).await.unwrap();
    assert_eq!(world.shelf.positions(), [2, 5]);
    assert_eq!(firm.positions(), [1, 2, 3, 4, 5]);

    world.shelf.change(|state| state.poison.clear());
    assert_eq!(relay.retry_parked().await.unwrap().handled, 3);
    assert_eq!(world.shelf.positions(), [2, 5, 1, 3, 4]);
    assert_eq!(firm.positions(), [1, 2, 3, 4, 5], "it has them, and takes none that come late");
}

#[tokio::test]
async fn what_is_refused_when_it_is_given_again_leaves_the_checkpoint_as_it_was() {
    let world = World::new();
    let last = world.append(&["a", "b", "c", "d", "e", "f"]).await;
    let relay = world.relay().with_batch(2).start().unwrap();
    relay.published(last).await.unwrap();
    world.shelf.change(|state| {
        state.poison = vec![3];
        state.lost_after = Some(Position::START);
    });
    relay.when(|status| status.rewinds > 0 && status.parked_streams > 0).await.unwrap();
    assert!(relay.stop(Duration::from_secs(60)).await);
    let name = SubscriberName::from_static("relay");
    let checkpoint = world.progress.checkpoint(&name).await.unwrap().unwrap();
    let event = world.store.find(checkpoint.event.unwrap()).await.unwrap().unwrap();
    assert_eq!((checkpoint.position, event.position), (last, last));

    // Another would find that the log has another history.
    let relay = world.start();
    relay.when(|status| status.state == RelayState::Active).await.unwrap();
    relay.published(world.append(&["g"]).await).await.unwrap();
}

#[tokio::test]
async fn what_waits_behind_a_refusal_when_it_is_given_again_is_parked_too() {
    let world = World::new();
    // The last of the stream is parked before anything is lost.
    world.shelf.change(|state| state.poison = vec![6]);
    let last = world.append(&["a", "b", "a", "c", "a", "a"]).await;
    let relay = world.relay().with_batch(1).start().unwrap();
    relay.published(last).await.unwrap();
    world.shelf.change(|state| {
        state.kept.clear();
        state.poison = vec![1, 6];
        state.lost_after = Some(Position::START);
    });
    relay.when(|status| status.rewinds > 0).await.unwrap();
    let last = world.append(&["b"]).await;
    relay.published(last).await.unwrap();
    assert_eq!(world.shelf.positions(), [2, 4, 7], "nothing overtakes what is parked");
    let letters = relay.dead_letters(Position::START, 10).await.unwrap();
    let found: Vec<_> = letters.iter().map(|l| (l.position.get(), l.cause.as_deref())).collect();
    assert_eq!(found, [(1, Some("poison")), (3, None), (5, None), (6, Some("poison"))]);

    world.shelf.change(|state| state.poison.clear());
    assert_eq!(relay.retry_parked().await.unwrap().handled, 4);
    assert_eq!(world.shelf.positions(), [2, 4, 7, 1, 3, 5, 6], "and nothing is lost");
}
