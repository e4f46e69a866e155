//! The detector of skips: many writers of every kind, readers that resume, and a wrong design
//! that shows that it detects.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use es_core::{Append, EventId, ExpectedVersion, Position, Read, Recorded, Store};
use es_redis::{Command, Redis, RedisOptions};
use es_testkit::Fixture;
use fastrand::Rng;

use crate::{
    checks::{self, Follower, Seen, events, stream},
    server::{namespace, store_named, url},
};

const STORES: usize = 3;
const WRITERS: u64 = 32;
const READERS: u64 = 3;

struct Writer {
    store: Store,
    rng: Rng,
    written: Vec<Seen>,
    refused: Vec<EventId>,
}

impl Writer {
    /// Any append: one event, several, several streams; some on condition of a version that
    /// others change.
    fn draw(&mut self) -> (Append, Vec<EventId>) {
        let mut ids = Vec::new();
        let mut some = |count| {
            let events = events(count);
            ids.extend(events.iter().map(|event| event.id));
            events
        };
        let key = |number: usize| stream(&format!("s{number}"));
        let (first, any) = (self.rng.usize(..40), ExpectedVersion::Any);
        let append = match self.rng.u8(..5) {
            0 | 1 => Append::to(key(first), any).events(some(1)),
            2 => Append::to(key(first), any).events(some(self.rng.usize(2..12))),
            3 => {
                let version = es_core::Version::new(self.rng.u64(1..200)).unwrap();
                Append::to(key(first), ExpectedVersion::Exact(version)).events(some(1))
            }
            _ => {
                let append = Append::to(key(first), any).events(some(self.rng.usize(1..4)));
                append
                    .and(key(first + 1), any)
                    .events(some(2))
                    .and(key(first + 2), any)
                    .events(some(1))
            }
        };
        (append, ids)
    }

    /// Appends once, some way, and gives how many events that were.
    async fn step(&mut self) -> u64 {
        let (append, ids) = self.draw();
        match self.store.append(append).await {
            Ok(receipt) => {
                let places = (receipt.first.get()..).map(Position::new);
                self.written.extend(places.zip(ids.iter().copied()));
                u64::try_from(ids.len()).unwrap()
            }
            Err(error) => {
                assert!(error.conflict().is_some(), "{error:?}");
                self.refused.extend(ids);
                0
            }
        }
    }
}

/// Reads on and on from where it was, until `ended` and nothing more comes.
async fn resume(store: Store, seed: u64, ended: Arc<AtomicBool>) -> Vec<Seen> {
    let (mut rng, mut seen) = (Rng::with_seed(seed), Vec::<Seen>::new());
    loop {
        let is_last = ended.load(Ordering::SeqCst);
        let after = seen.last().map_or(Position::START, |(position, _)| *position);
        let mut found = store.read(Read::all().after(after).limit(rng.u64(1..400)));
        // At times it stops in the middle of what it was given.
        let most = if rng.bool() { usize::MAX } else { rng.usize(1..100) };
        let before = seen.len();
        while seen.len() - before < most
            && let Some(event) = found.next().await
        {
            let event: Recorded = event.unwrap();
            seen.push((event.position, event.id));
        }
        if is_last && seen.len() == before {
            return seen;
        }
    }
}

#[test]
fn no_reader_skips_anything_under_any_load() {
    let most: u64 =
        std::env::var("ES_TEST_EVENTS").ok().map_or(30_000, |number| number.parse().unwrap());
    let fixture = async { Fixture::new((url(), namespace()), ()) };
    es_testkit::run(fixture, |(url, name)| async move {
        let mut stores = Vec::new();
        for _ in 0..STORES {
            stores.push(store_named(&url, &name).await);
        }
        let (ended, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let follower = Follower::start(&stores[0]);
        let readers: Vec<_> = (0..READERS)
            .zip(&stores)
            .map(|(seed, store)| tokio::spawn(resume(store.clone(), seed, Arc::clone(&ended))))
            .collect();
        let mut writers = Vec::new();
        for (seed, store) in (0..WRITERS).zip(stores.iter().cycle()) {
            let (store, rng, count) = (store.clone(), Rng::with_seed(seed), Arc::clone(&count));
            let mut writer = Writer { store, rng, written: Vec::new(), refused: Vec::new() };
            writers.push(tokio::spawn(async move {
                while count.load(Ordering::Relaxed) < most {
                    let events = writer.step().await;
                    count.fetch_add(events, Ordering::Relaxed);
                }
                (writer.written, writer.refused)
            }));
        }
        let (mut written, mut refused) = (Vec::new(), Vec::new());
        for writer in writers {
            let of_one = writer.await.unwrap();
            written.extend(of_one.0);
            refused.extend(of_one.1);
        }
        ended.store(true, Ordering::SeqCst);
        written.sort_unstable();

        let log = checks::places(&checks::whole(&stores[0]).await);
        checks::same(&written, &log).unwrap();
        assert!(!refused.is_empty(), "some were refused");
        for reader in readers {
            checks::same(&reader.await.unwrap(), &log).unwrap();
        }
        follower.has_met(log.len()).await;
        checks::same(&follower.seen(), &log).unwrap();
    });
}

/// A counter in one command and the event in the next: whoever is overtaken in between is
/// skipped by a reader that resumes.
#[test]
fn it_catches_a_position_that_is_taken_ahead() {
    let fixture = async { Fixture::new((url(), namespace()), ()) };
    es_testkit::run(fixture, |(url, name)| async move {
        let redis = Redis::connect(&url, RedisOptions::new()).await.unwrap();
        let (counter, log) = (format!("{name}:wrong:n"), format!("{name}:wrong:log"));
        let take = async || {
            let taken = redis.command(Command::new("INCR").key(&counter)).await.unwrap();
            taken.count("a position").unwrap()
        };
        let put = async |position: u64| {
            let add = Command::new("ZADD").key(&log).arg(position);
            redis.command(add.arg(position)).await.unwrap();
        };
        let read = async |after: u64| {
            let range = Command::new("ZRANGE").key(&log).arg(format!("({after}")).arg("+inf");
            let found = redis.command(range.arg("BYSCORE")).await.unwrap().array("log").unwrap();
            found.into_iter().map(|place| place.count("a position").unwrap()).collect::<Vec<_>>()
        };
        put(take().await).await;
        let (slow, quick) = (take().await, take().await);
        put(quick).await;
        let mut seen = read(0).await;
        put(slow).await;
        seen.extend(read(*seen.last().unwrap()).await);
        let there = read(0).await;
        assert_eq!(there.len(), 3);
        let id = |place: &u64| (Position::new(*place), EventId::from_uuid(uuid::Uuid::nil()));
        let as_seen = |places: &[u64]| places.iter().map(id).collect::<Vec<_>>();
        let caught = checks::same(&as_seen(&seen), &as_seen(&there)).unwrap_err();
        assert!(caught.contains("the log has"), "{caught}");
    });
}
