//! `kill -9` of the server under load, over and over: with `appendfsync always` nothing that
//! was acknowledged is lost.

use std::sync::Arc;

use es_testkit::{
    Fixture,
    servers::{RedisConfig, RedisServer},
};
use fastrand::Rng;

use crate::{
    checks::{self, Follower},
    load::{Load, places},
    server::store_at,
};

const TASKS: u64 = 8;

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
        let log = places(&checks::whole(&store).await);
        checks::same_as(&written, &log).unwrap();
        follower.has_met(log.len()).await;
        checks::same_as(&follower.seen(), &log).unwrap();
        let fresh = store_at(&server.url()).await;
        checks::same_as(&written, &places(&checks::whole(&fresh).await)).unwrap();
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
        let log = places(&checks::whole(&store).await);
        checks::same_as(&written, &log).unwrap();
        follower.has_met(log.len()).await;
        checks::same_as(&follower.seen(), &log).unwrap();
    });
}
