//! A relay whose checkpoint is kept by a server that forgets some of what it answered for.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use es_testkit::servers::{RedisConfig, RedisServer};
use eventsource::{
    Interest, LocalBus, Relay, RelayState, Subscription, memory::MemoryStore, prelude::*,
    redis::RedisReadModel,
};

#[derive(Event)]
enum OrderEvent {
    Placed,
}

struct World {
    server: RedisServer,
    store: Store,
    bus: LocalBus,
}

impl World {
    async fn relay(&self) -> Relay {
        let progress = RedisReadModel::open(&self.server.url()).await.unwrap();
        Relay::new("orders", self.store.clone(), progress)
            .publish(Interest::everything(), self.bus.clone())
            .with_backoff(Duration::from_millis(5), Duration::from_millis(50))
    }

    async fn append(&self, events: usize) -> Position {
        let to = Append::to(StreamId::new("order", 1).unwrap(), ExpectedVersion::Any);
        let placed = (0..events).map(|_| OrderEvent::Placed);
        self.store.append(to.events(placed)).await.unwrap().last
    }
}

/// The server comes back without the last claim and the last commit, as after a failover. Nobody
/// else has claimed the checkpoint, so the relay does, and goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_whose_claim_was_lost_claims_again() {
    let server = RedisServer::start(&RedisConfig::durable());
    let store = Store::new(MemoryStore::new());
    let mut world = World { server, store, bus: LocalBus::new() };
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noting = Arc::clone(&seen);
    let all = Subscription::to_everything("all").call(move |event| {
        noting.lock().unwrap().push(event.position.get());
        Ok(())
    });
    world.bus.subscribe(all).unwrap();

    let former = world.relay().await.start().unwrap();
    former.published(world.append(1).await).await.unwrap();
    let before = world.server.data().copy();
    let relay = world.relay().await.start().unwrap();
    relay.published(world.append(2).await).await.unwrap();
    // The one before was replaced, and knows.
    assert!(former.published(Position::new(99)).await.is_err());
    assert_eq!(former.status().state, RelayState::Fenced);

    world.server.kill();
    before.restore_to(&world.server.data());
    world.server.run_again();
    let last = world.append(1).await;
    relay.published(last).await.unwrap();
    // What was published and is not known to have been comes again: at least once, in order.
    let seen = seen.lock().unwrap().clone();
    assert!(seen.starts_with(&[1, 2, 3]) && seen.ends_with(&[2, 3, 4]), "{seen:?}");
    assert!(relay.status().epoch >= 2);
}
