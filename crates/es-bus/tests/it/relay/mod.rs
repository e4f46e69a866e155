//! The relay: from the log to any transport.

pub(crate) mod health;
mod leases;
mod outage;
mod parked;
mod publishing;
mod shelf;

use std::time::Duration;

use es_bus::{Interest, Relay, RunningRelay};
use es_core::{
    Append, CheckpointStore, ExpectedVersion, NewEvent, Position, Store, StreamId, SubscriberName,
    Timestamp,
};
use es_store_memory::{MemoryReadModel, MemoryStore};

use self::shelf::Shelf;
use crate::sample::OrderEvent;

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) progress: MemoryReadModel,
    pub(crate) shelf: Shelf,
}

impl World {
    pub(crate) fn new() -> Self {
        let (store, progress) = (Store::new(MemoryStore::new()), MemoryReadModel::new());
        Self { store, progress, shelf: Shelf::default() }
    }

    pub(crate) fn relay(&self) -> Relay {
        let pause = Duration::from_micros(50);
        Relay::new("relay", self.store.clone(), self.progress.clone())
            .publish(Interest::everything(), self.shelf.clone())
            .with_backoff(pause, pause)
            .with_consumed_every(Duration::from_millis(1))
    }

    pub(crate) async fn log(&self) -> es_core::LogId {
        self.store.head().await.unwrap().log
    }

    pub(crate) fn start(&self) -> RunningRelay {
        self.relay().start().unwrap()
    }

    /// Waits until whoever has the checkpoint has shown that it lives for so long.
    pub(crate) async fn shows_life_for(&self, span: Duration) {
        let (name, begun) = (SubscriberName::new("relay").unwrap(), Timestamp::now());
        let span = i64::try_from(span.as_micros()).unwrap();
        let shown = async || {
            let checkpoint = self.progress.checkpoint(&name).await.unwrap().unwrap();
            checkpoint.updated_at.as_micros() - begun.as_micros()
        };
        while shown().await < span {
            tokio::task::yield_now().await;
        }
    }

    /// Appends an event of each of these orders.
    pub(crate) async fn append(&self, orders: &[&str]) -> Position {
        let mut last = Position::START;
        for order in orders {
            let event = NewEvent::of(&OrderEvent::Placed { cents: 1 }).unwrap();
            let to = Append::to(StreamId::new("order", order).unwrap(), ExpectedVersion::Any);
            last = self.store.append(to.event(event)).await.unwrap().last;
        }
        last
    }
}
