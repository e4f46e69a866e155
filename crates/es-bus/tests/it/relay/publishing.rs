//! B1: what is in the log is published, in its order, at least once.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use es_bus::{Interest, LocalBus, PortTransport, Relay, RelayState, Subscription};
use es_core::{
    Append, Category, CheckpointStore, ErrorKind, Event, EventBus, ExpectedVersion, LogId,
    Metadata, NewEvent, Owner, Position, Read, Recorded, Result, Store, StreamId, SubscriberName,
};
use es_store_memory::MemoryStore;

use super::{World, shelf::Shelf};
use crate::sample::{OrderEvent, Seen};

#[tokio::test]
async fn history_and_what_comes_are_published_in_order_as_recorded() {
    let world = World::new();
    world.append(&["a", "b", "a"]).await;
    let relay = world.relay().with_batch(2).start().unwrap();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let metadata = Metadata::new().with_trace(trace, Some("k=v")).with_actor("alice");
    let event = NewEvent::of(&OrderEvent::Paid).unwrap().with_metadata(metadata);
    let to = Append::to(StreamId::new("order", "a").unwrap(), ExpectedVersion::Any);
    let receipt = world.store.append(to.event(event)).await.unwrap();
    relay.published(receipt.last).await.unwrap();
    let logged = world.store.read(Read::all()).into_vec().await.unwrap();
    let kept = world.shelf.change(|state| state.kept.clone());
    assert_eq!(kept, logged);
    let metadata = &kept.last().unwrap().metadata;
    assert_eq!((metadata.traceparent(), metadata.tracestate()), (Some(trace), Some("k=v")));
    let status = relay.status();
    assert_eq!((status.published, status.state, status.lag()), (4, RelayState::Active, 0));
}

#[tokio::test]
async fn it_goes_on_from_where_it_left_off() {
    let world = World::new();
    let first = world.append(&["a", "b"]).await;
    let relay = world.start();
    relay.published(first).await.unwrap();
    assert!(relay.stop(Duration::from_secs(5)).await);
    let second = world.append(&["c"]).await;
    let relay = world.start();
    relay.published(second).await.unwrap();
    assert_eq!(world.shelf.positions(), [1, 2, 3]);
    drop(relay);
}

#[tokio::test]
async fn what_was_published_and_not_saved_is_published_again() {
    let world = World::new();
    world.append(&["a", "b"]).await;
    // It stops between the two, as a crash would make it.
    world.shelf.change(|state| state.failures = vec![ErrorKind::Unavailable; 3]);
    let relay = world.start();
    relay.published(Position::new(2)).await.unwrap();
    assert_eq!(relay.status().retries, 3);
    drop(relay);
    world.shelf.change(|state| state.is_stuck = true);
    world.append(&["c"]).await;
    let relay = world.start();
    relay.when(|status| status.epoch == 2).await.unwrap();
    drop(relay);
    world.shelf.change(|state| state.is_stuck = false);
    let relay = world.start();
    relay.published(Position::new(3)).await.unwrap();
    assert_eq!(world.shelf.positions(), [1, 2, 3]);
}

#[tokio::test]
async fn each_route_has_its_own_filter() {
    let world = World::new();
    let paid = Shelf::default();
    let interest = Interest::types([OrderEvent::SCHEMAS[1].name.clone()]);
    let carts = Shelf::default();
    let relay = world
        .relay()
        .publish(interest, paid.clone())
        .publish(Interest::category(Category::from_static("cart")), carts.clone())
        .start()
        .unwrap();
    world.append(&["a"]).await;
    let to = Append::to(StreamId::new("order", "a").unwrap(), ExpectedVersion::Any);
    let receipt = world.store.append(to.event(OrderEvent::Paid)).await.unwrap();
    relay.published(receipt.last).await.unwrap();
    assert_eq!(world.shelf.positions(), [1, 2]);
    assert_eq!(paid.positions(), [2]);
    assert!(carts.positions().is_empty());
}

#[tokio::test]
async fn a_quiet_filter_still_moves_its_checkpoint() {
    let world = World::new();
    let last = world.append(&["a", "b"]).await;
    let carts = Interest::category(Category::from_static("cart"));
    let relay = Relay::new("carts", world.store.clone(), world.progress.clone())
        .publish(carts, world.shelf.clone())
        .start()
        .unwrap();
    relay.published(last).await.unwrap();
    assert!(world.shelf.positions().is_empty());
}

#[tokio::test]
async fn what_the_transport_has_lost_is_published_again() {
    let world = World::new();
    let last = world.append(&["a", "b", "c", "d"]).await;
    let relay = world.start();
    relay.published(last).await.unwrap();
    world.shelf.change(|state| {
        state.kept.clear();
        state.lost_after = Some(Position::new(1));
    });
    let last = world.append(&["e"]).await;
    relay.published(last).await.unwrap();
    assert_eq!(world.shelf.positions(), [2, 3, 4, 5]);
    assert_eq!(relay.status().rewinds, 1);
}

#[tokio::test]
async fn what_was_consumed_is_saved_and_told_to_the_transport() {
    let world = World::new();
    let last = world.append(&["a", "b", "c"]).await;
    world.shelf.change(|state| state.consumed = Some(Position::new(2)));
    let relay = world.start();
    relay.published(last).await.unwrap();
    relay.when(|status| status.consumed == Position::new(2)).await.unwrap();
    drop(relay);
    let relay = world.start();
    relay.when(|status| status.epoch == 2).await.unwrap();
    relay.published(last).await.unwrap();
    let opened = world.shelf.change(|state| state.opened.last().cloned()).unwrap();
    assert_eq!((opened.published, opened.consumed), (last, Position::new(2)));
}

#[tokio::test]
async fn another_log_is_noticed() {
    let world = World::new();
    let name = SubscriberName::from_static("relay");
    world.progress.claim(&name, LogId::generate(), &Owner::new("before")).await.unwrap();
    let relay = world.start();
    let error = relay.published(Position::new(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    let status = relay.status();
    assert_eq!(status.state, RelayState::Failed);
    assert!(status.last_error.unwrap().contains("expected log"));
}

#[tokio::test]
async fn what_it_cannot_do_is_refused_at_the_start() {
    let world = World::new();
    let lease = |lease| world.relay().with_lease(lease).start().unwrap_err().kind();
    assert_eq!(lease(Duration::ZERO), ErrorKind::Invalid);
    assert_eq!(lease(Duration::MAX), ErrorKind::Invalid);
    let none = Relay::new("relay", world.store.clone(), world.progress.clone()).start();
    assert_eq!(none.unwrap_err().kind(), ErrorKind::Invalid);
    let name = Relay::new("no/name", world.store.clone(), world.progress.clone())
        .publish(Interest::everything(), world.shelf.clone());
    assert_eq!(name.start().unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn the_bus_in_process_has_handled_what_is_checkpointed() {
    let world = World::new();
    let bus = LocalBus::new();
    let seen = Seen::default();
    let noting = seen.clone();
    let run = move |event: Recorded| {
        let seen = noting.clone();
        async move {
            tokio::task::yield_now().await;
            seen.note(&event)
        }
    };
    bus.subscribe(Subscription::to_everything("one").run(run)).unwrap();
    let relay = Relay::new("local", world.store.clone(), world.progress.clone())
        .publish(Interest::everything(), bus)
        .start()
        .unwrap();
    let last = world.append(&["a", "b", "a"]).await;
    relay.published(last).await.unwrap();
    assert_eq!(seen.all(), [1, 2, 3]);
}

/// A bus that has nothing but the port, and takes no event of one stream.
#[derive(Clone, Debug, Default)]
struct Port(Arc<Mutex<Vec<u64>>>);

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a port")
    }
}

#[async_trait::async_trait]
impl EventBus for Port {
    async fn publish(&self, events: &[Recorded]) -> Result<()> {
        if events.iter().any(|event| event.stream.key().as_str() == "b" && event.version.get() == 1)
        {
            return Err(es_core::Error::new(ErrorKind::Invalid, "too large"));
        }
        self.0.lock().unwrap().extend(events.iter().map(|event| event.position.get()));
        Ok(())
    }
}

#[tokio::test]
async fn any_bus_that_has_the_port_can_be_published_on() {
    let world = World::new();
    let port = Port::default();
    let last = world.append(&["a", "b", "c", "b"]).await;
    let relay = Relay::new("port", world.store.clone(), world.progress.clone())
        .publish(Interest::everything(), PortTransport::new(port.clone()))
        .start()
        .unwrap();
    relay.published(last).await.unwrap();
    assert_eq!(*port.0.lock().unwrap(), [1, 3]);
    let letters = relay.dead_letters(Position::START, 10).await.unwrap();
    let found: Vec<_> = letters.iter().map(|l| (l.position.get(), l.attempts)).collect();
    assert_eq!(found, [(2, 1), (4, 0)]);
    assert_eq!(letters[0].cause.as_deref(), Some("too large"));
}

#[tokio::test]
async fn a_store_of_one_tenant_gives_what_is_that_tenants() {
    let world = World::new();
    let tenant = es_core::Tenant::new("acme").unwrap();
    let acme = Store::new(MemoryStore::new());
    let scoped = acme.for_tenant(tenant);
    let to = Append::to(StreamId::new("order", "a").unwrap(), ExpectedVersion::Any);
    let receipt = scoped.append(to.event(OrderEvent::Paid)).await.unwrap();
    let relay = Relay::new("tenant", scoped, world.progress.clone())
        .publish(Interest::everything(), world.shelf.clone())
        .start()
        .unwrap();
    relay.published(receipt.last).await.unwrap();
    assert_eq!(world.shelf.positions(), [1]);
}

/// Whoever is asked what was consumed may take longer than the time between two questions.
#[tokio::test]
async fn answers_that_take_long_keep_nothing_from_being_published() {
    let world = World::new();
    world.shelf.change(|state| state.asked_for = Duration::from_millis(20));
    let relay = world.start();
    let reached = async || {
        let last = world.append(&["a", "b", "c"]).await;
        tokio::time::timeout(Duration::from_secs(60), relay.published(last)).await
    };
    reached().await.expect("nothing is published").unwrap();
    // And what is due is said however much there is to publish.
    world.shelf.change(|state| state.consumed = Some(Position::new(1)));
    while relay.status().consumed != Position::new(1) {
        reached().await.expect("nothing is published").unwrap();
    }
}
