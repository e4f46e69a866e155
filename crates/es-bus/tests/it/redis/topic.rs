//! What a relay finds on a topic: order, repetition, fences, room, trimming.

use es_bus::{
    GroupMode, Interest, RedisTopic, Relay, RelayState, Retry, StartAt, Subscription, TopicOptions,
};
use es_core::{Append, ErrorKind, ExpectedVersion, NewEvent, Position, StreamId};

use super::{LEASE, World, server, until};
use crate::sample::{OrderEvent, Seen};

#[tokio::test]
async fn what_every_group_has_consumed_is_trimmed_and_nothing_else() {
    let world = World::new().await;
    let relay = world.start();
    let last = world.append(&["a", "b", "c", "d", "e"]).await;
    relay.published(last).await.unwrap();
    let seen = [Seen::default(), Seen::default()];
    let [one, two] = seen.clone();
    let ordered = Subscription::to_everything("ordered").call(move |e| one.note(e));
    let ordered = world.topic.ordered(ordered).with_lease(LEASE).start().await.unwrap();
    ordered.when(|status| status.handled == 5).await.unwrap();
    relay.when(|status| status.consumed == last).await.unwrap();

    let competing = Subscription::to_everything("competing").call(move |e| two.note(e));
    let competing = world.topic.competing(competing).with_lease(LEASE);
    let competing = competing.starting_at(StartAt::Newest).start().await.unwrap();
    until("the group is there", async || world.topic.group("competing").await.is_ok()).await;
    assert!(competing.stop(LEASE * 10).await);
    let next = world.append(&["a", "b"]).await;
    relay.published(next).await.unwrap();
    ordered.when(|status| status.handled == 7).await.unwrap();
    until("ordered has no lag", async || world.topic.group("ordered").await.unwrap().lag == 0)
        .await;
    let status = world.topic.group("competing").await.unwrap();
    assert_eq!((status.mode, status.lag > 0), (GroupMode::Competing, true));
    assert!(relay.status().consumed < next, "somebody still needs it");

    assert!(world.topic.remove_group("competing").await.unwrap());
    assert!(!world.topic.remove_group("competing").await.unwrap());
    relay.when(|status| status.consumed == next).await.unwrap();
}

#[tokio::test]
async fn a_full_topic_makes_the_relay_wait_and_nothing_is_lost() {
    let options = TopicOptions::default().with_partitions(2).with_room(10);
    let world = World::at(server::url(), options).await;
    let relay = world.relay().with_batch(4).start().unwrap();
    let orders: Vec<String> = (0..60).map(|n| format!("o{}", n % 7)).collect();
    let orders: Vec<&str> = orders.iter().map(String::as_str).collect();
    let last = world.append(&orders).await;
    relay.when(|status| status.state == RelayState::Retrying).await.unwrap();
    assert!(relay.status().last_error.unwrap().contains("is full"));
    let seen = Seen::default();
    let noting = seen.clone();
    let all = Subscription::to_everything("all").call(move |e| noting.note(e));
    let consumer = world.topic.ordered(all).with_lease(LEASE).start().await.unwrap();
    relay.published(last).await.unwrap();
    consumer.when(|status| status.handled == 60).await.unwrap();
    let mut all = seen.all();
    all.sort_unstable();
    assert_eq!(all, (1..=60).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_topic_belongs_to_one_relay_one_log_and_one_number_of_partitions() {
    let world = World::new().await;
    let relay = world.start();
    let last = world.append(&["a"]).await;
    relay.published(last).await.unwrap();
    drop(relay);
    let fails = async |relay: Relay| {
        let relay = relay.start().unwrap();
        assert!(relay.when(|status| status.state == RelayState::Active).await.is_err());
        relay.status().last_error.unwrap()
    };
    let other = Relay::new("other", world.store.clone(), world.progress.clone())
        .publish(Interest::everything(), world.topic.clone());
    assert!(fails(other).await.contains("another relay"));

    let log = es_core::Store::new(es_store_memory::MemoryStore::new());
    let progress = es_store_memory::MemoryReadModel::new();
    let other =
        Relay::new("relay", log, progress).publish(Interest::everything(), world.topic.clone());
    assert!(fails(other).await.contains("expected log"));

    let options = world.options.clone().with_partitions(5);
    let topic = RedisTopic::connect(&world.url, "orders", options).await.unwrap();
    let other = Relay::new("relay", world.store.clone(), world.progress.clone())
        .publish(Interest::everything(), topic);
    assert!(fails(other).await.contains("made with 4"));
}

#[tokio::test]
async fn what_is_published_again_is_known() {
    let world = World::new().await;
    let relay = world.start();
    let last = world.append(&["a", "b", "a"]).await;
    relay.published(last).await.unwrap();
    drop(relay);
    // Its checkpoint is lost, so it begins anew.
    let name = es_core::SubscriberName::from_static("relay");
    es_core::CheckpointStore::forget(&world.progress, &name).await.unwrap();
    let relay = world.start();
    relay.published(last).await.unwrap();
    let seen = Seen::default();
    let noting = seen.clone();
    let all = Subscription::to_everything("all").call(move |e| noting.note(e));
    let consumer = world.topic.ordered(all).with_lease(LEASE).start().await.unwrap();
    let next = world.append(&["b"]).await;
    relay.published(next).await.unwrap();
    consumer.when(|status| status.handled >= 4).await.unwrap();
    let mut all = seen.all();
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_relay_that_was_paused_can_publish_nothing_more() {
    use es_bus::Transport as _;
    let world = World::new().await;
    let relay = world.start();
    let last = world.append(&["a", "b"]).await;
    relay.published(last).await.unwrap();
    let events = world.store.read(es_core::Read::all()).into_vec().await.unwrap();
    let head = world.store.head().await.unwrap();
    // The relay of before, with the epoch of before, on a handle of its own.
    let paused = world.another().await;
    let mut publisher = None;
    #[derive(Debug)]
    struct Spy(RedisTopic, tokio::sync::mpsc::Sender<es_bus::Publisher>);
    impl std::fmt::Display for Spy {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.0.fmt(f)
        }
    }
    #[async_trait::async_trait]
    impl es_bus::Transport for Spy {
        fn may_refuse(&self) -> bool {
            false
        }

        async fn open(&self, publisher: &es_bus::Publisher) -> es_core::Result<Position> {
            self.1.send(publisher.clone()).await.unwrap();
            self.0.open(publisher).await
        }
        async fn publish(
            &self,
            publisher: &es_bus::Publisher,
            events: &[es_core::Recorded],
            through: Position,
        ) -> es_core::Result<Vec<es_bus::Refused>> {
            self.0.publish(publisher, events, through).await
        }
        async fn consumed(
            &self,
            publisher: &es_bus::Publisher,
        ) -> es_core::Result<Option<Position>> {
            self.0.consumed(publisher).await
        }
    }
    drop(relay);
    let (tell, mut told) = tokio::sync::mpsc::channel(9);
    for _ in 0..2 {
        let spy = Spy(paused.clone(), tell.clone());
        let relay = Relay::new("relay", world.store.clone(), world.progress.clone())
            .publish(Interest::everything(), spy)
            .start()
            .unwrap();
        let opened = told.recv().await.unwrap();
        relay.when(|status| status.state == RelayState::Active).await.unwrap();
        publisher.get_or_insert(opened);
    }
    let publisher = publisher.unwrap();
    let error = world.topic.open(&publisher).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fenced);
    let error = paused.publish(&publisher, &events, head.position).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Fenced | ErrorKind::NotFound), "{error}");
    assert_eq!(paused.consumed(&publisher).await.unwrap_err().kind(), ErrorKind::Fenced);
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused() {
    let connect = async |options: TopicOptions, name: &str| {
        RedisTopic::connect(&server::url(), name, options).await.unwrap_err().kind()
    };
    let options = TopicOptions::default;
    assert_eq!(connect(options().with_partitions(0), "t").await, ErrorKind::Invalid);
    assert_eq!(connect(options().with_partitions(257), "t").await, ErrorKind::Invalid);
    assert_eq!(connect(options().with_room(0), "t").await, ErrorKind::Invalid);
    assert_eq!(connect(options().with_namespace("a{b"), "t").await, ErrorKind::Invalid);
    assert_eq!(connect(options(), "t}").await, ErrorKind::Invalid);
    let world = World::new().await;
    let all = || Subscription::to_everything("all").call(|_| Ok(()));
    let topic = &world.topic;
    let lease = topic.ordered(all()).with_lease(std::time::Duration::MAX).start().await;
    assert_eq!(lease.unwrap_err().kind(), ErrorKind::Invalid);
    let workers = topic.competing(all()).with_workers(0).start().await;
    assert_eq!(workers.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(topic.group("nobody").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(topic.replay("nobody").await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_large_batch_is_published_in_parts_whole_and_in_order() {
    let world = World::new().await;
    let count = 40_000;
    for first in (0..count).step_by(1_000) {
        let mut append = Append::to(StreamId::new("order", "a").unwrap(), ExpectedVersion::Any);
        for at in first..first + 1_000 {
            append = append.event(NewEvent::of(&OrderEvent::Placed { cents: at }).unwrap());
        }
        world.store.append(append).await.unwrap();
    }
    let last = Position::new(count);
    let relay = world.relay().with_batch(100_000).start().unwrap();
    relay.published(last).await.unwrap();
    let status = relay.status();
    assert_eq!((status.published, status.retries), (count, 0));
    let seen = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let noting = std::sync::Arc::clone(&seen);
    let in_order = Subscription::to_everything("one").with_retry(Retry::never()).call(move |e| {
        let before = noting.swap(e.position.get(), std::sync::atomic::Ordering::SeqCst);
        if before + 1 == e.position.get() { Ok(()) } else { Err("a hole".into()) }
    });
    let consumer = world.topic.ordered(in_order).start().await.unwrap();
    let done = consumer.when(|s| s.handled == count || s.dead_letters > 0).await.unwrap();
    assert_eq!(done.dead_letters, 0);
}
