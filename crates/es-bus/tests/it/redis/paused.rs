//! A consumer in another process that is stopped in the middle of its work and comes back.

use std::{
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use es_bus::{RedisTopic, Subscription, TopicOptions};
use es_core::Position;
use es_testkit::servers::{RedisConfig, RedisServer, ask};

use super::{World, until};

/// Where the other process works, if this is it: the address of the server and the namespace.
const PLACE: &str = "ES_BUS_PLACE";
const LEASE: Duration = Duration::from_secs(1);

fn options() -> TopicOptions {
    TopicOptions::default().with_partitions(1)
}

/// Writes down who has handled which version, in the order in which it was done.
fn noting(who: &'static str, server: SocketAddr) -> Subscription {
    Subscription::to_everything("all").call(move |event| {
        let done = format!("{who} {}", event.position);
        ask(server, &["RPUSH", "effects", &done])?;
        Ok(())
    })
}

#[test]
fn the_other_process() {
    let Ok(place) = std::env::var(PLACE) else { return };
    let (server, namespace) = place.split_once(' ').unwrap();
    let server: SocketAddr = server.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = options().with_namespace(namespace);
        let url = format!("redis://{server}");
        let topic = RedisTopic::connect(&url, "orders", options).await.unwrap();
        let consumer = topic.ordered(noting("other", server)).with_lease(LEASE);
        let _consumer = consumer.start().await.unwrap();
        std::future::pending::<()>().await;
    });
}

/// The other process, which is killed when this is dropped.
struct Other(Child);

impl Other {
    fn start(place: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut command = Command::new(program);
        command.args(["--exact", "redis::paused::the_other_process", "--nocapture"]);
        command.env(PLACE, place).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn signal(&self, signal: &str) {
        let process = self.0.id().to_string();
        let sent = Command::new("kill").args([&format!("-{signal}"), &process]).status();
        assert!(sent.unwrap().success(), "{signal} is sent");
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_was_stopped_and_comes_back_is_fenced() {
    let server = RedisServer::start(&RedisConfig::in_memory());
    let world = World::at(server.url(), options()).await;
    let relay = world.start();
    let place = format!("{} {}", server.address(), world.options.namespace);
    let effects = || -> Vec<(bool, u64)> {
        let all = server.ask(&["LRANGE", "effects", "0", "-1"]);
        let read = |done: &es_testkit::servers::Reply| {
            let text = done.text();
            let (who, position) = text.split_once(' ').unwrap();
            (who == "other", position.parse().unwrap())
        };
        all.list().iter().map(read).collect()
    };
    let orders = vec!["a"; 3_000];
    let last = world.append(&orders).await;
    relay.published(last).await.unwrap();
    let other = Other::start(&place);
    until("the other is at work", async || effects().len() > 20).await;
    other.signal("STOP");
    let stopped = effects().len();
    assert!(stopped < orders.len(), "it was done before it was stopped");

    let here = world.topic.ordered(noting("here", server.address())).with_lease(LEASE);
    let here = here.start().await.unwrap();
    // It takes over once the lease has lapsed, and is done with everything.
    until("this one is done", async || {
        effects().last().is_some_and(|(_, position)| *position == last.get())
    })
    .await;
    let (taken_over, epoch) = (effects().len(), |world: &World| {
        server.ask(&["HGET", &world.topic_key("o:all"), "0:epoch"]).text()
    });
    let (place_of, before) = (world.topic_key("o:all"), epoch(&world));
    other.signal("CONT");
    // Whoever owns the partition next, what comes next is handled once, and nothing old again.
    let next = world.append(&["a"; 50]).await;
    until("what comes next is done", async || {
        effects().iter().any(|(_, position)| *position == next.get())
    })
    .await;
    let saved = || server.ask(&["HGET", &place_of, "0:at"]).text();
    until("that is saved", async || saved() == format!("{next}-0")).await;
    let late: Vec<_> = effects().split_off(taken_over);
    let old = late.iter().filter(|(_, position)| Position::new(*position) <= last);
    // The one that it had in hand when it was stopped may come late: its receiver knows the id.
    assert!(old.count() <= 1, "{late:?}");
    let after: u64 = epoch(&world).parse().unwrap();
    assert!(after >= before.parse().unwrap());
    assert!(here.stop(Duration::from_secs(60)).await);
    drop(other);
}
