//! `kill -9` of the whole server under load, over and over.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use es_core::{Append, ExpectedVersion, Position, Store, Version};
use es_store_postgres::PostgresStore;
use es_testkit::Fixture;
use fastrand::Rng;

use crate::{
    checks::{self, Follower, Seen, events, stream},
    own_server::OwnServer,
};

const TASKS: u64 = 4;

/// What the tasks and the test tell each other.
#[derive(Default)]
struct Shared {
    acknowledged: AtomicUsize,
    ended: AtomicBool,
}

/// Appends to a stream of its own, and gives what was acknowledged.
async fn load(store: Store, number: u64, shared: Arc<Shared>) -> Vec<Seen> {
    let (mut rng, mut written, mut version) = (Rng::with_seed(number), Vec::new(), None);
    while !shared.ended.load(Ordering::Relaxed) {
        let (events, count) = (events(rng.usize(1..4)), &shared.acknowledged);
        let receipt = loop {
            let expected = ExpectedVersion::exactly(version);
            let append = Append::to(stream(&format!("crash-{number}")), expected);
            match store.append(append.events(events.clone())).await {
                Ok(receipt) => break receipt,
                // The same events again, whatever became of them.
                Err(error) => assert!(error.is_temporary(), "{error:?}"),
            }
        };
        version = Version::after(version, u64::try_from(events.len()).unwrap());
        assert_eq!(Some(receipt.version()), version);
        let places = (receipt.first.get()..).map(Position::new);
        written.extend(places.zip(events.iter().map(|event| event.id)));
        count.fetch_add(1, Ordering::Relaxed);
    }
    written
}

#[test]
fn what_was_acknowledged_survives_kills_of_the_server() {
    let kills: usize =
        std::env::var("ES_TEST_KILLS").ok().map_or(20, |number| number.parse().unwrap());
    es_testkit::run(async { Fixture::new(OwnServer::start(), ()) }, |server| async move {
        let store = Store::new(PostgresStore::open(&server.url).await.unwrap());
        assert!(store.durability().await.unwrap().survives_server_crash);
        let (follower, shared) = (Follower::start(&store), Arc::new(Shared::default()));
        let tasks: Vec<_> = (0..TASKS)
            .map(|number| tokio::spawn(load(store.clone(), number, Arc::clone(&shared))))
            .collect();
        let mut rng = Rng::with_seed(9);
        for _ in 0..kills {
            // Another number each time, so that the kill meets every part of a commit.
            let until = shared.acknowledged.load(Ordering::Relaxed) + rng.usize(1..200);
            while shared.acknowledged.load(Ordering::Relaxed) < until {
                assert!(tasks.iter().all(|task| !task.is_finished()), "a task has failed");
                tokio::task::yield_now().await;
            }
            server.crash();
        }
        shared.ended.store(true, Ordering::Relaxed);
        let mut written = Vec::new();
        for task in tasks {
            written.extend(task.await.unwrap());
        }
        written.sort_unstable();

        let log = checks::whole(&store).await;
        checks::same(&written, &log).unwrap();
        follower.has_met(log.len()).await;
        checks::same(&follower.seen(), &log).unwrap();
        let fresh = Store::new(PostgresStore::open(&server.url).await.unwrap());
        checks::same(&written, &checks::whole(&fresh).await).unwrap();
        println!("{} events in {} appends survived {kills} kills", log.len(), {
            shared.acknowledged.load(Ordering::Relaxed)
        });
    });
}
