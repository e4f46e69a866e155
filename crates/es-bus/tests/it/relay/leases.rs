//! Several relays of one name: one is active, others stand by, the paused are fenced.

use std::time::Duration;

use es_bus::RelayState;
use es_core::{CheckpointStore, Owner, Position, SubscriberName};

use super::World;

const LEASE: Duration = Duration::from_millis(100);

#[tokio::test]
async fn the_last_to_start_takes_over_where_there_is_no_lease() {
    let world = World::new();
    let first = world.start();
    first.when(|status| status.state == RelayState::Active).await.unwrap();
    let second = world.start();
    second.when(|status| status.state == RelayState::Active).await.unwrap();
    let last = world.append(&["a", "b"]).await;
    second.published(last).await.unwrap();
    assert!(first.published(last).await.is_err());
    assert_eq!(first.status().state, RelayState::Fenced);
    assert_eq!(world.shelf.positions(), [1, 2]);
}

#[tokio::test]
async fn with_a_lease_one_is_active_and_the_other_takes_over_at_once_when_it_stops() {
    let world = World::new();
    let day = Duration::from_secs(86_400);
    let first = world.relay().with_lease(day).start().unwrap();
    first.when(|status| status.state == RelayState::Active).await.unwrap();
    let second = world.relay().with_lease(day).with_owner(Owner::new("second"));
    let second = second.start().unwrap();
    second.when(|status| status.state == RelayState::Standby).await.unwrap();
    let last = world.append(&["a"]).await;
    first.published(last).await.unwrap();
    assert_eq!(second.status().epoch, 0);
    assert!(second.retry_parked().await.is_err(), "it is not the active one");
    assert!(first.stop(Duration::MAX).await);
    // It looks again within a quarter of the lease, so another one is quicker to ask.
    let third = world.relay().with_lease(day).start().unwrap();
    let last = world.append(&["b"]).await;
    third.published(last).await.unwrap();
    assert_eq!(world.shelf.positions(), [1, 2]);
}

#[tokio::test]
async fn a_silent_one_is_replaced_and_a_living_one_is_not() {
    let world = World::new();
    let first = world.relay().with_lease(LEASE).start().unwrap();
    first.when(|status| status.state == RelayState::Active).await.unwrap();
    let second = world.relay().with_lease(LEASE).start().unwrap();
    second.when(|status| status.state == RelayState::Standby).await.unwrap();
    world.shows_life_for(LEASE * 4).await;
    assert_eq!(second.status().state, RelayState::Standby);
    drop(first);
    let last = world.append(&["a"]).await;
    second.published(last).await.unwrap();
    assert_eq!(second.status().epoch, 2);
}

#[tokio::test]
async fn it_shows_that_it_lives_also_while_a_transport_is_slow() {
    let world = World::new();
    world.shelf.change(|state| state.is_stuck = true);
    let first = world.relay().with_lease(LEASE).start().unwrap();
    world.append(&["a"]).await;
    first.when(|status| status.state == RelayState::Active).await.unwrap();
    let second = world.relay().with_lease(LEASE).start().unwrap();
    second.when(|status| status.state == RelayState::Standby).await.unwrap();
    world.shows_life_for(LEASE * 4).await;
    assert_eq!(second.status().epoch, 0);
    world.shelf.change(|state| state.is_stuck = false);
    first.published(Position::new(1)).await.unwrap();
}

#[tokio::test]
async fn one_that_was_fenced_stands_by() {
    let world = World::new();
    let first = world.relay().with_lease(LEASE).start().unwrap();
    first.when(|status| status.state == RelayState::Active).await.unwrap();
    // Without a lease it does not wait for anybody.
    let second = world.start();
    second.when(|status| status.state == RelayState::Active).await.unwrap();
    let last = world.append(&["a"]).await;
    first.when(|status| status.epoch == 1 && status.state == RelayState::Standby).await.unwrap();
    second.published(last).await.unwrap();
    drop(second);
    let last = world.append(&["b"]).await;
    first.published(last).await.unwrap();
    assert_eq!(first.status().epoch, 3);
}

#[tokio::test]
async fn whoever_has_the_checkpoint_takes_the_mark_back() {
    let world = World::new();
    world.shelf.change(|state| state.consumed = Some(Position::START));
    let relay = world.start();
    let last = world.append(&["a"]).await;
    relay.published(last).await.unwrap();
    // One that had claimed the checkpoint before this relay did, and claims the mark only now.
    let (mark, log) = (SubscriberName::new("relay.consumed").unwrap(), world.log().await);
    world.progress.claim(&mark, log, &Owner::new("overtaken")).await.unwrap();
    world.shelf.change(|state| state.consumed = Some(last));
    let status = relay.when(|status| status.consumed == last).await.unwrap();
    assert_eq!(status.state, RelayState::Active);
    let saved = world.progress.checkpoint(&mark).await.unwrap().unwrap();
    assert_eq!(saved.position, last);
}

#[tokio::test]
async fn whoever_waits_may_look_at_the_relay_meanwhile() {
    let world = World::new();
    let relay = world.start();
    let last = world.append(&["a"]).await;
    let looked = relay.when(|_| relay.status().position >= last);
    assert_eq!(looked.await.unwrap().state, RelayState::Active);
}
