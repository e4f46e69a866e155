//! What a group of Redis Streams does by itself, and loses messages by.

use std::{sync::Arc, time::Duration};

use es_bus::{RunningConsumer, Subscription, TopicOptions};
use es_core::Recorded;
use es_testkit::servers::{RedisConfig, RedisServer, Reply, ask};
use tokio::sync::{Semaphore, mpsc};

use super::{World, until};
use crate::sample::Seen;

/// A group whose consumers say what they begin, and end nothing before the gate opens.
struct Group {
    server: RedisServer,
    world: World,
    gate: Arc<Semaphore>,
    entered: mpsc::Sender<u64>,
    entering: mpsc::Receiver<u64>,
}

impl Group {
    async fn new() -> Self {
        let server = RedisServer::start(&RedisConfig::in_memory());
        let world = World::at(server.url(), TopicOptions::default().with_partitions(1)).await;
        let (entered, entering) = mpsc::channel(99);
        Self { server, world, gate: Arc::new(Semaphore::new(0)), entered, entering }
    }

    async fn holding(&self, lease: Duration, workers: usize) -> RunningConsumer {
        let (entered, gate) = (self.entered.clone(), Arc::clone(&self.gate));
        let holding = Subscription::to_everything("all").run(move |event: Recorded| {
            let (entered, gate) = (entered.clone(), Arc::clone(&gate));
            async move {
                entered.send(event.position.get()).await?;
                gate.acquire().await?.forget();
                Ok(())
            }
        });
        let consumer = self.world.topic.competing(holding).with_lease(lease).with_workers(workers);
        consumer.start().await.unwrap()
    }

    /// Waits until so many more events are in hand.
    async fn begun(&mut self, count: usize) -> Vec<u64> {
        let mut begun = Vec::new();
        for _ in 0..count {
            begun.push(self.entering.recv().await.unwrap());
        }
        begun.sort_unstable();
        begun
    }

    /// What each consumer that Redis knows has pending.
    fn pending(&self) -> Vec<i64> {
        let key = self.world.topic_key("p:0");
        let Ok(Reply::Many(consumers)) =
            ask(self.server.address(), &["XINFO", "CONSUMERS", &key, "all"])
        else {
            return Vec::new();
        };
        let pending = |consumer: &Reply| consumer.list()[3].number();
        let mut pending: Vec<_> = consumers.iter().map(pending).collect();
        pending.sort_unstable();
        pending
    }
}

#[tokio::test]
async fn what_a_dead_consumer_held_behind_much_that_is_alive_is_reached() {
    let mut group = Group::new().await;
    let _relay = group.world.start();
    let lease = super::LEASE * 4;
    // More than one look goes through, which is ten times as many as there are free workers.
    let _alive = group.holding(lease, 12).await;
    group.world.append(&["a"; 12]).await;
    assert_eq!(group.begun(12).await, (1..=12).collect::<Vec<_>>());
    let dying = group.holding(lease, 1).await;
    group.world.append(&["b"]).await;
    assert_eq!(group.begun(1).await, [13]);
    drop(dying);
    let seen = Seen::default();
    let noting = seen.clone();
    let all = Subscription::to_everything("all").call(move |event| noting.note(event));
    let heir = group.world.topic.competing(all).with_lease(lease).with_workers(1);
    let heir = heir.start().await.unwrap();
    heir.when(|status| status.handled == 1).await.unwrap();
    assert_eq!((seen.all(), heir.status().recovered), (vec![13], 1));
}

#[tokio::test]
async fn who_is_long_gone_is_removed_and_never_with_something_in_hand() {
    let mut group = Group::new().await;
    let _relay = group.world.start();
    let lease = Duration::from_millis(200);
    let idle = group.holding(lease, 1).await;
    group.world.append(&["a"]).await;
    assert_eq!(group.begun(1).await, [1]);
    group.gate.add_permits(1);
    until("the idle one is done", async || group.pending() == [0]).await;
    drop(idle);
    let dying = group.holding(lease, 1).await;
    group.world.append(&["a"]).await;
    assert_eq!(group.begun(1).await, [2]);
    let heir = group.holding(lease, 1).await;
    group.world.append(&["b"]).await;
    assert_eq!(group.begun(1).await, [3]);
    drop(dying);
    // The heir has its hands full and takes nothing over; it sweeps all the same.
    until("the idle one is removed", async || group.pending().len() == 2).await;
    assert_eq!(group.pending(), [1, 1]);
    group.gate.add_permits(2);
    heir.when(|status| status.handled == 2).await.unwrap();
    assert_eq!((group.begun(1).await, heir.status().recovered), (vec![2], 1));
}

#[tokio::test]
async fn what_was_trimmed_away_in_somebodys_hands_is_counted_and_let_go() {
    let mut group = Group::new().await;
    let _relay = group.world.start();
    let dying = group.holding(super::LEASE, 1).await;
    let last = group.world.append(&["a", "b", "c"]).await;
    assert_eq!(group.begun(1).await, [1]);
    until("all are there", async || {
        let key = group.world.topic_key("p:0");
        group.server.ask(&["XLEN", &key]).number() == i64::try_from(last.get()).unwrap()
    })
    .await;
    drop(dying);
    group.server.ask(&["XDEL", &group.world.topic_key("p:0"), "1-0"]);
    let seen = Seen::default();
    let noting = seen.clone();
    let all = Subscription::to_everything("all").call(move |event| noting.note(event));
    let heir = group.world.topic.competing(all).with_lease(super::LEASE);
    let heir = heir.start().await.unwrap();
    heir.when(|status| status.handled == 2 && status.lost == 1).await.unwrap();
    let mut all = seen.all();
    all.sort_unstable();
    assert_eq!(all, [2, 3]);
    let pending = async || group.world.topic.group("all").await.unwrap().pending;
    until("nothing is left in hand", async || pending().await == 0).await;
}
