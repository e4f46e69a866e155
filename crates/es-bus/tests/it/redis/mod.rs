//! Topics on a real Redis.

mod beginning;
mod chaos;
mod competing;
mod elsewhere;
mod full;
mod health;
mod large;
mod lost;
mod ordered;
mod outage;
mod panics;
mod partitions;
mod paused;
mod redelivery;
mod rules;
mod server;
mod stopping;
mod topic;
mod waiting;

use std::time::Duration;

use es_bus::{Interest, RedisTopic, Relay, Retry, RunningRelay, TopicOptions};
use es_core::{Append, ExpectedVersion, NewEvent, Position, Store, StreamId};
use es_store_memory::{MemoryReadModel, MemoryStore};

use crate::sample::OrderEvent;

/// A log, a topic of its own, and where the relay keeps its checkpoint.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) progress: MemoryReadModel,
    pub(crate) topic: RedisTopic,
    url: String,
    options: TopicOptions,
}

pub(crate) const LEASE: Duration = Duration::from_millis(300);

impl World {
    pub(crate) async fn new() -> Self {
        let options = TopicOptions::default().with_partitions(4);
        Self::at(server::url(), options).await
    }

    pub(crate) async fn at(url: String, options: TopicOptions) -> Self {
        let namespace = format!("test-{}", es_core::EventId::new());
        let options = options.with_namespace(namespace).with_grace(Duration::from_millis(400));
        let topic = RedisTopic::connect(&url, "orders", options.clone()).await.unwrap();
        let (store, progress) = (Store::new(MemoryStore::new()), MemoryReadModel::new());
        Self { store, progress, topic, url, options }
    }

    /// A handle on the same topic, by another way to the server.
    pub(crate) async fn through(&self, url: &str) -> RedisTopic {
        RedisTopic::connect(url, "orders", self.options.clone()).await.unwrap()
    }

    /// The name of a key of the topic.
    pub(crate) fn topic_key(&self, kind: &str) -> String {
        format!("{{{}:orders}}:{kind}", self.options.namespace)
    }

    /// Another handle on the same topic, as another process has it.
    pub(crate) async fn another(&self) -> RedisTopic {
        RedisTopic::connect(&self.url, "orders", self.options.clone()).await.unwrap()
    }

    pub(crate) fn relay(&self) -> Relay {
        Relay::new("relay", self.store.clone(), self.progress.clone())
            .publish(Interest::everything(), self.topic.clone())
            .with_backoff(Duration::from_millis(5), Duration::from_millis(50))
            .with_consumed_every(Duration::from_millis(20))
    }

    pub(crate) fn start(&self) -> RunningRelay {
        self.relay().start().unwrap()
    }

    /// Appends an event of each of these orders.
    pub(crate) async fn append(&self, orders: &[&str]) -> Position {
        let mut last = Position::START;
        for order in orders {
            let event = NewEvent::of(&OrderEvent::Placed { cents: 1 }).unwrap();
            last = self.append_raw(order, event).await;
        }
        last
    }

    pub(crate) async fn append_raw(&self, order: &str, event: NewEvent) -> Position {
        let to = Append::to(StreamId::new("order", order).unwrap(), ExpectedVersion::Any);
        self.store.append(to.event(event)).await.unwrap().last
    }
}

pub(crate) fn quick(attempts: u32) -> Retry {
    let pause = Duration::from_millis(2);
    Retry::default().with_attempts(attempts).with_backoff(pause, pause)
}

/// Waits for what a server must come to.
pub(crate) async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is().await {
            tokio::task::yield_now().await;
        }
    };
    let came = tokio::time::timeout(Duration::from_secs(300), waiting).await;
    assert!(came.is_ok(), "it never came to that: {what}");
}
