//! Connections that are cut before, in and after a request, killed by the server, and scripts
//! that the server forgets.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use es_core::{
    Append, ErrorKind, EventId, ExpectedVersion, NewEvent, Position, Receipt, Store, StreamId,
    Version,
};
use es_store_redis::RedisStore;
use es_testkit::{
    Fixture,
    servers::{Cut, Proxy, RedisConfig, RedisServer},
};
use fastrand::Rng;

use crate::{
    checks::{self, Follower, Seen, events, stream},
    server::{Log, address, on_a_log, store_at},
};

const TASKS: u64 = 8;

/// A task that owns a stream and knows its version.
struct Writer {
    stream: StreamId,
    version: Option<Version>,
    /// Through the proxy, and around it.
    cut: Store,
    direct: Store,
    proxy: Arc<Proxy>,
    rng: Rng,
    written: Vec<Seen>,
    unsettled: usize,
    stored: usize,
}

impl Writer {
    fn append(&self, events: &[NewEvent], within: Duration) -> Append {
        let expected = ExpectedVersion::exactly(self.version);
        Append::to(self.stream.clone(), expected).events(events.to_vec()).deadline(within)
    }

    /// Appends until all cuts are made.
    async fn run(mut self, within: impl Fn(&mut Rng) -> Duration, is_patient: bool) -> Self {
        while self.proxy.cuts_left() > 0 {
            let events = events(self.rng.usize(1..4));
            let within = within(&mut self.rng);
            let receipt = match self.cut.append(self.append(&events, within)).await {
                Ok(receipt) => receipt,
                Err(error) => {
                    assert!(!is_patient, "it had time to settle it: {error:?}");
                    self.settle(&error, &events).await
                }
            };
            self.wrote(&events, &receipt);
        }
        self
    }

    /// Finds out what became of an append, around the proxy, with the same events.
    async fn settle(&mut self, error: &es_core::Error, events: &[NewEvent]) -> Receipt {
        use ErrorKind::{Busy, OutcomeUnknown, Unavailable};
        let kind = error.kind();
        assert!(matches!(kind, Busy | OutcomeUnknown | Unavailable), "{error:?}");
        let append = self.append(events, Duration::from_secs(20));
        let receipt = self.direct.append(append).await.unwrap();
        self.unsettled += 1;
        if kind != OutcomeUnknown {
            assert!(!receipt.replayed, "it said that nothing was written: {error:?}");
        }
        self.stored += usize::from(receipt.replayed);
        receipt
    }

    fn wrote(&mut self, events: &[NewEvent], receipt: &Receipt) {
        let count = u64::try_from(events.len()).unwrap();
        let version = Version::after(self.version, count);
        assert_eq!(Some(receipt.version()), version, "nobody else writes to it");
        self.version = version;
        let ids = events.iter().map(|event| event.id);
        let places = (receipt.first.get()..).map(Position::new);
        self.written.extend::<Vec<(Position, EventId)>>(places.zip(ids).collect());
    }
}

/// A store behind a proxy, and one that reaches the server directly.
async fn behind(log: &Log) -> (Arc<Proxy>, String, Store) {
    let direct = log.store().await;
    let proxy = Arc::new(Proxy::start(address(&log.url)).await);
    let url = format!("redis://{}", proxy.address());
    (proxy, url, direct)
}

/// Runs the storm, checks the log, and gives how many appends were not settled by the store
/// itself, and how many of those had been stored.
async fn storm(
    log: &Log,
    (seed, odds, cuts): (u64, usize, usize),
    within: impl Fn(&mut Rng) -> Duration + Copy + Send + 'static,
    is_patient: bool,
) -> (usize, usize) {
    let (proxy, url, direct) = behind(log).await;
    proxy.cut_randomly(seed, odds, cuts);
    let cut = loop {
        match RedisStore::open_with(&url, log.options()).await {
            Ok(store) => break Store::new(store),
            Err(error) => assert!(error.is_temporary(), "{error:?}"),
        }
    };
    let follower = Follower::start(&cut);
    let mut tasks = Vec::new();
    for number in 0..TASKS {
        let writer = Writer {
            stream: stream(&format!("cut-{number}")),
            version: None,
            cut: cut.clone(),
            direct: direct.clone(),
            proxy: Arc::clone(&proxy),
            rng: Rng::with_seed(seed + number),
            written: Vec::new(),
            unsettled: 0,
            stored: 0,
        };
        tasks.push(tokio::spawn(writer.run(within, is_patient)));
    }
    let (mut written, mut unsettled, mut stored) = (Vec::new(), 0, 0);
    for task in tasks {
        let writer = task.await.unwrap();
        written.extend(writer.written);
        unsettled += writer.unsettled;
        stored += writer.stored;
    }
    written.sort_unstable();
    let log = checks::whole(&direct).await;
    checks::same(&written, &log).unwrap();
    follower.has_met(log.len()).await;
    checks::same(&follower.seen(), &log).unwrap();
    println!("{} events, {unsettled} unsettled, of which {stored} were stored", log.len());
    (unsettled, stored)
}

#[test]
fn appends_with_time_settle_whatever_is_cut() {
    on_a_log(|log| async move {
        storm(&log, (7, 40, 100), |_| Duration::from_secs(20), true).await;
    });
}

#[test]
fn appends_without_time_say_truly_what_is_known() {
    on_a_log(|log| async move {
        let within = |rng: &mut Rng| Duration::from_millis(rng.u64(1..30));
        let (unsettled, stored) = storm(&log, (8, 15, 200), within, false).await;
        assert!(unsettled > 20 && stored > 0, "{unsettled} unsettled, {stored} stored");
    });
}

#[test]
fn a_reply_that_is_lost_is_settled_by_the_ids() {
    on_a_log(|log| async move {
        let (proxy, url, direct) = behind(&log).await;
        let store = Store::new(RedisStore::open_with(&url, log.options()).await.unwrap());
        for round in 0..20_u64 {
            let append =
                Append::to(stream("lost"), ExpectedVersion::exactly(Version::after(None, round)));
            proxy.cut_next(Cut::Swallow);
            let receipt = store.append(append.events(events(1))).await.unwrap();
            assert!(proxy.has_cut(), "the reply was lost");
            assert_eq!(receipt.version().get(), round + 1);
        }
        assert_eq!(checks::whole(&direct).await.len(), 20, "each was written once");
    });
}

#[test]
fn replies_beyond_the_deadline_are_unknown_and_settled_by_appending_again() {
    on_a_log(|log| async move {
        let (proxy, url, direct) = behind(&log).await;
        let store = Store::new(RedisStore::open_with(&url, log.options()).await.unwrap());
        let noted = events(3);
        let append = || Append::to(stream("late"), ExpectedVersion::NoStream).events(noted.clone());
        proxy.hold();
        let error = store.append(append().deadline(Duration::from_millis(80))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error:?}");
        assert_eq!(checks::whole(&direct).await.len(), 3, "it was written");
        proxy.release();
        let receipt = store.append(append()).await.unwrap();
        assert!(receipt.replayed && receipt.first == Position::new(1), "{receipt:?}");
        assert_eq!(checks::whole(&direct).await.len(), 3, "and not again");
    });
}

/// Appends to a stream of its own, each conditional on the one before.
async fn append_in_order(store: Store, number: u64, count: u64, done: Arc<AtomicUsize>) {
    for at in 0..count {
        let expected = ExpectedVersion::exactly(Version::after(None, at));
        let append = Append::to(stream(&format!("kill-{number}")), expected).events(events(1));
        let receipt = store.append(append).await.unwrap();
        assert_eq!(receipt.version().get(), at + 1);
        done.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn killed_connections_and_forgotten_scripts_lose_and_double_nothing() {
    const WRITERS: u64 = 16;
    const EACH: u64 = 150;
    // A server of its own: whoever else tests on the shared one keeps its connections.
    let fixture = async { Fixture::new(RedisServer::start(&RedisConfig::durable()), ()) };
    es_testkit::run(fixture, |server| async move {
        let (one, other) = (store_at(&server.url()).await, store_at(&server.url()).await);
        let followers = [Follower::start(&one), Follower::start(&other)];
        let done = Arc::new(AtomicUsize::new(0));
        let stores = [one.clone(), other.clone()];
        let writers: Vec<_> = (0..WRITERS)
            .zip(stores.into_iter().cycle())
            .map(|(number, store)| {
                tokio::spawn(append_in_order(store, number, EACH, Arc::clone(&done)))
            })
            .collect();
        let (mut killed, mut kills, mut next) = (0, 0, 0);
        while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
            // In the middle of the work, so that appends are on their way.
            if done.load(Ordering::Relaxed) < next {
                tokio::task::yield_now().await;
                continue;
            }
            next = done.load(Ordering::Relaxed) + 60;
            // All of them: those that append and read, and those that wait for news.
            for kind in ["normal", "pubsub"] {
                let kill = ["CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"];
                killed += server.ask(&kill).number();
            }
            server.ask(&["SCRIPT", "FLUSH"]);
            kills += 1;
        }
        for writer in writers {
            writer.await.unwrap();
        }
        assert!(kills > 10 && killed > kills, "{killed} connections in {kills} rounds");
        let log = checks::whole(&one).await;
        assert_eq!(log.len() as u64, WRITERS * EACH);
        for follower in followers {
            follower.has_met(log.len()).await;
            checks::same(&follower.seen(), &log).unwrap();
        }
    });
}
