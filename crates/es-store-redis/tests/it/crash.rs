//! `kill -9` of the server under load, over and over: with `appendfsync always` nothing that
//! was acknowledged is lost.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use es_core::Store;
use es_testkit::{
    Fixture,
    servers::{RedisConfig, RedisServer},
};
use fastrand::Rng;

use crate::{
    checks::{self, Follower, Seen, Writer},
    server::store_at,
};

const TASKS: u64 = 8;

/// What the tasks and the test tell each other.
#[derive(Default)]
pub(crate) struct Load {
    pub(crate) acknowledged: AtomicUsize,
    ended: AtomicBool,
}

impl Load {
    /// Starts tasks that append until the load ends.
    pub(crate) fn start(
        self: &Arc<Self>,
        store: &Store,
        tasks: u64,
    ) -> Vec<tokio::task::JoinHandle<Vec<Seen>>> {
        (0..tasks)
            .map(|number| {
                let (mut writer, load) = (Writer::new(store, number), Arc::clone(self));
                tokio::spawn(async move {
                    while !load.ended.load(Ordering::Relaxed) {
                        writer.step().await.unwrap();
                        load.acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                    writer.written
                })
            })
            .collect()
    }

    /// Waits until so many more appends are acknowledged.
    pub(crate) async fn advances<T>(&self, by: usize, tasks: &[tokio::task::JoinHandle<T>]) {
        let until = self.acknowledged.load(Ordering::Relaxed) + by;
        while self.acknowledged.load(Ordering::Relaxed) < until {
            assert!(tasks.iter().all(|task| !task.is_finished()), "a task has failed");
            tokio::task::yield_now().await;
        }
    }

    /// Lets the tasks end, and gives what was acknowledged, in order.
    pub(crate) async fn end(&self, tasks: Vec<tokio::task::JoinHandle<Vec<Seen>>>) -> Vec<Seen> {
        self.ended.store(true, Ordering::Relaxed);
        let mut written = Vec::new();
        for task in tasks {
            written.extend(task.await.unwrap());
        }
        written.sort_unstable();
        written
    }
}

#[test]
fn what_was_acknowledged_survives_kills_of_the_server() {
    let kills: usize =
        std::env::var("ES_TEST_KILLS").ok().map_or(20, |number| number.parse().unwrap());
    let fixture = async { Fixture::new(RedisServer::start(&RedisConfig::durable()), ()) };
    es_testkit::run(fixture, |mut server| async move {
        let store = store_at(&server.url()).await;
        let durability = store.durability().await.unwrap();
        assert!(durability.survives_server_crash && durability.survives_power_loss);
        let (follower, load) = (Follower::start(&store), Arc::new(Load::default()));
        let tasks = load.start(&store, TASKS);
        let mut rng = Rng::with_seed(9);
        for _ in 0..kills {
            // Another number each time, so that the kill meets every part of an append.
            load.advances(rng.usize(1..200), &tasks).await;
            server.kill();
            server.run_again();
        }
        let written = load.end(tasks).await;
        let log = checks::places(&checks::whole(&store).await);
        checks::same(&written, &log).unwrap();
        follower.has_met(log.len()).await;
        checks::same(&follower.seen(), &log).unwrap();
        let fresh = store_at(&server.url()).await;
        checks::same(&written, &checks::places(&checks::whole(&fresh).await)).unwrap();
        println!("{} events survived {kills} kills", log.len());
    });
}

/// A process that is stopped answers nobody and loses nothing; what was sent to it meanwhile
/// takes place once.
#[test]
fn a_paused_server_goes_on_as_if_nothing_had_been() {
    let fixture = async { Fixture::new(RedisServer::start(&RedisConfig::in_memory()), ()) };
    es_testkit::run(fixture, |server| async move {
        let store = store_at(&server.url()).await;
        let (follower, load) = (Follower::start(&store), Arc::new(Load::default()));
        let tasks = load.start(&store, TASKS);
        let mut pause = tokio::time::interval(std::time::Duration::from_millis(700));
        for _ in 0..4 {
            load.advances(100, &tasks).await;
            server.pause();
            pause.reset();
            pause.tick().await;
            server.resume();
        }
        let written = load.end(tasks).await;
        let log = checks::places(&checks::whole(&store).await);
        checks::same(&written, &log).unwrap();
        follower.has_met(log.len()).await;
        checks::same(&follower.seen(), &log).unwrap();
    });
}
