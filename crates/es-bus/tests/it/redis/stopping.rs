//! A consumer that is stopped while the server does not answer, or its partition belongs to
//! somebody else.

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{Sender, channel},
    },
    time::{Duration, Instant},
};

use es_bus::{ConsumerState, RunningConsumer, Subscription, TopicOptions};
use es_testkit::servers::{RedisConfig, RedisServer};
use tokio::sync::mpsc::{Receiver, channel as async_channel};

use super::{World, until};
use crate::sample::Seen;

const LEASE: Duration = Duration::from_millis(300);

/// A consumer whose handler of the first event is on its way, and blocks a thread until it is let
/// go.
struct Busy {
    server: RedisServer,
    world: World,
    consumer: RunningConsumer,
    seen: Seen,
    lets_go: Sender<()>,
}

impl Busy {
    async fn new() -> Self {
        let server = RedisServer::start(&RedisConfig::in_memory());
        let world = World::at(server.url(), TopicOptions::default().with_partitions(1)).await;
        let relay = world.start();
        let last = world.append(&["a", "a"]).await;
        relay.published(last).await.unwrap();
        let (entered, mut entering): (_, Receiver<()>) = async_channel(9);
        let (lets_go, goes) = channel();
        let (seen, goes) = (Seen::default(), Arc::new(Mutex::new(goes)));
        let noting = seen.clone();
        let slow = Subscription::to_everything("all").call(move |event| {
            noting.note(event)?;
            if event.position.get() == 1 {
                entered.try_send(())?;
                goes.lock().unwrap().recv()?;
            }
            Ok(())
        });
        let consumer = world.topic.ordered(slow).with_lease(LEASE).start().await.unwrap();
        assert!(entering.recv().await.is_some());
        assert!(relay.stop(Duration::from_secs(60)).await);
        Self { server, world, consumer, seen, lets_go }
    }

    fn ask(&self, words: &[&str]) -> String {
        self.server.ask(words).text()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_waits_for_a_lease_that_has_moved_stops_all_the_same() {
    let busy = Busy::new().await;
    // Nobody can renew a lease, and yet the server answers everything else.
    let [meta, away] = ["meta", "away"].map(|key| busy.world.topic_key(key));
    busy.server.ask(&["RENAME", &meta, &away]);
    busy.consumer.when(|status| status.state == ConsumerState::Waiting).await.unwrap();
    let begun = Instant::now();
    until("the lease has lapsed", async || begun.elapsed() > LEASE * 2).await;
    busy.lets_go.send(()).unwrap();
    let group = busy.world.topic_key("o:all");
    let place = async || busy.ask(&["HGET", &group, "0:at"]) == "1-0";
    until("it stands in front of the second event", place).await;
    assert_eq!(busy.seen.all(), [1], "nothing is handled without a lease");

    busy.server.ask(&["HSET", &group, "0:owner", "other", "0:till", "9999999999999"]);
    busy.server.ask(&["HINCRBY", &group, "0:epoch", "1"]);
    let (consumer, seen, server) = (busy.consumer, busy.seen, busy.server);
    let stopped = consumer.stop(Duration::from_secs(60)).await;
    assert!(stopped, "it waits for a lease that it gets no more");
    assert_eq!(seen.all(), [1]);
    let owner = server.ask(&["HGET", &group, "0:owner"]).text();
    assert_eq!(owner, "other", "what belongs to another is left alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_out_of_reach_holds_nobody_up_for_longer_than_was_said() {
    for is_killed in [false, true] {
        let mut busy = Busy::new().await;
        if is_killed {
            busy.server.kill();
        } else {
            busy.server.pause();
        }
        busy.lets_go.send(()).unwrap();
        busy.consumer.when(|status| status.handled == 2).await.unwrap();
        let stopped = busy.consumer.stop(Duration::from_secs(1));
        let stopped = tokio::time::timeout(Duration::from_secs(60), stopped).await;
        assert_eq!(stopped, Ok(false), "what is not saved is not done");
        assert_eq!(busy.seen.all(), [1, 2]);
        if is_killed {
            continue;
        }
        busy.server.resume();
        // What was not saved comes again, to somebody else.
        let (seen, world) = (Seen::default(), busy.world);
        let noting = seen.clone();
        let all = Subscription::to_everything("all").call(move |event| noting.note(event));
        let next = world.topic.ordered(all).with_lease(LEASE).start().await.unwrap();
        next.when(|status| status.handled == 2).await.unwrap();
        assert_eq!(seen.all(), [1, 2]);
        assert!(next.stop(Duration::from_secs(60)).await);
    }
}
