//! A cluster of several servers that moves the slot of the log while it is used, and that loses
//! the node which has it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use es_core::{ErrorKind, Read, Store};
use es_testkit::{
    Fixture,
    servers::{RedisCluster, RedisConfig},
};
use tokio::task::JoinHandle;

use crate::{
    checks::{self, Follower, stream},
    load::{Load, Writer, places},
    server::store_at,
};

const TASKS: u64 = 8;

/// The slot of all keys of the log.
fn slot() -> u16 {
    es_redis::slot(b"{es}:meta")
}

fn on_a_cluster<Test: Future<Output = ()>>(
    has_replica: bool,
    test: impl FnOnce(RedisCluster) -> Test,
) {
    let config = RedisConfig::durable();
    let fixture = async { Fixture::new(RedisCluster::start(&config, 3, has_replica), ()) };
    es_testkit::run(fixture, test);
}

/// Tasks that append, read and follow, each of which may meet nothing but temporary errors.
struct Everybody {
    store: Store,
    load: Arc<Load>,
    writers: Vec<JoinHandle<Vec<checks::Seen>>>,
    reads: Arc<AtomicUsize>,
    reader: JoinHandle<()>,
    follower: Follower,
}

impl Everybody {
    async fn on(cluster: &RedisCluster) -> Self {
        let store = store_at(&cluster.url()).await;
        let (load, reads) = (Arc::new(Load::default()), Arc::new(AtomicUsize::new(0)));
        let writers = load.start(&store, TASKS);
        let reader = tokio::spawn(reads_on(store_at(&cluster.url()).await, Arc::clone(&reads)));
        let follower = Follower::start(&store_at(&cluster.url()).await);
        Self { store, load, writers, reads, reader, follower }
    }

    /// Waits until all of them have done more.
    async fn goes_on(&self, appends: usize) {
        self.load.advances(appends, &self.writers).await;
        self.is_read().await;
        self.follower.has_met(self.load.acknowledged.load(Ordering::Relaxed)).await;
    }

    /// Waits until the log was read again.
    async fn is_read(&self) {
        let until = self.reads.load(Ordering::Relaxed) + 2;
        while self.reads.load(Ordering::Relaxed) < until {
            assert!(!self.reader.is_finished(), "the reader has failed");
            tokio::task::yield_now().await;
        }
    }

    /// Ends the load: all that was acknowledged is in the log, which is dense, and the follower
    /// has met all of it.
    async fn end(self, cluster: &RedisCluster) -> usize {
        let written = self.load.end(self.writers).await;
        self.reader.abort();
        let log = places(&checks::whole(&self.store).await);
        checks::same_as(&written, &log).unwrap();
        self.follower.has_met(log.len()).await;
        checks::same_as(&self.follower.seen(), &log).unwrap();
        let fresh = store_at(&cluster.url()).await;
        checks::same_as(&written, &places(&checks::whole(&fresh).await)).unwrap();
        log.len()
    }
}

/// Reads the log and one stream, over and over; what is read is whole.
async fn reads_on(store: Store, count: Arc<AtomicUsize>) {
    let mut again = tokio::time::interval(Duration::from_millis(5));
    loop {
        again.tick().await;
        let log = store.read(Read::all()).into_vec().await;
        let one = store.read(Read::stream(stream("writer-0"))).into_vec().await;
        for read in [log.as_ref(), one.as_ref()] {
            if let Err(error) = read {
                let is_temporary = matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Busy);
                assert!(is_temporary, "{error:?}");
            }
        }
        if let (Ok(log), Ok(one)) = (log, one) {
            assert!(log.iter().zip(1..).all(|(event, at)| event.position.get() == at));
            assert!(one.iter().zip(1..).all(|(event, at)| event.version.get() == at));
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn the_log_is_used_while_its_slot_moves_from_node_to_node() {
    on_a_cluster(false, |cluster| async move {
        let everybody = Everybody::on(&cluster).await;
        let mut from = cluster.owner(slot()).unwrap();
        for _ in 0..3 {
            let to = (from + 1) % 3;
            everybody.goes_on(100).await;
            cluster.begin_move(slot(), from, to);
            everybody.is_read().await;
            // Some keys here, some there: what needs one of them is sent to where it is.
            let mut moved = 0;
            loop {
                let batch = cluster.move_keys(slot(), from, to, 40);
                moved += batch;
                if batch == 0 {
                    break;
                }
                tokio::task::yield_now().await;
                if moved % 200 == 0 {
                    everybody.is_read().await;
                }
            }
            assert!(moved > 100, "{moved} keys");
            everybody.is_read().await;
            cluster.end_move(slot(), from, to);
            everybody.goes_on(100).await;
            from = cluster.owner(slot()).unwrap();
            assert_eq!(from, to);
        }
        let events = everybody.end(&cluster).await;
        println!("{events} events, while their slot moved three times");
    });
}

#[test]
fn the_log_is_used_while_a_replica_takes_over() {
    on_a_cluster(true, |mut cluster| async move {
        // The first node has a replica, and the slot is to be there.
        let at = cluster.owner(slot()).unwrap();
        if at != 0 {
            cluster.begin_move(slot(), at, 0);
            cluster.end_move(slot(), at, 0);
        }
        let everybody = Everybody::on(&cluster).await;
        everybody.goes_on(200).await;
        // By agreement: the primary waits until the replica has everything.
        cluster.node(3).ask(&["CLUSTER", "FAILOVER"]);
        while cluster.owner(slot()) != Some(3) {
            tokio::task::yield_now().await;
        }
        everybody.goes_on(200).await;
        cluster.node(0).follows();
        everybody.end(&cluster).await;

        // By death. What the replica has not got yet is lost then, so it is given time to get
        // everything; a test of its own has what happens otherwise.
        let store = store_at(&cluster.url()).await;
        let (mut writer, follower) = (Writer::new(&store, TASKS), Follower::start(&store));
        writer.step().await.unwrap();
        follower.has_met(checks::whole(&store).await.len()).await;
        cluster.node(0).has_all_of(cluster.node(3));
        cluster.kill(3);
        for _ in 0..20 {
            writer.step().await.unwrap();
        }
        assert_eq!(cluster.owner(slot()), Some(0));
        let log = places(&checks::whole(&store).await);
        follower.has_met(log.len()).await;
        checks::same_as(&follower.seen(), &log).unwrap();
        let found = writer.written.iter().filter(|written| log.contains(written));
        assert_eq!(found.count(), writer.written.len());
    });
}
