//! The detector of skips: many writers of every kind on several handles, and readers that
//! resume at random places.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use es_core::{Append, ErrorKind, EventId, ExpectedVersion, Position, Read, Store};
use fastrand::Rng;

use crate::{
    checks::{self, Seen, events, stream},
    server::Log,
};

const STORES: usize = 3;
const WRITERS: u64 = 32;
const READERS: u64 = 3;

struct Writer {
    store: Store,
    number: u64,
    rng: Rng,
    written: Vec<Seen>,
    refused: usize,
}

impl Writer {
    /// Any append: one event, several or several streams; contended or its own; with any
    /// expectation.
    fn draw(&mut self) -> (Append, Vec<EventId>) {
        let mut ids = Vec::new();
        let mut some = |count| {
            let events = events(count);
            ids.extend(events.iter().map(|event| event.id));
            events
        };
        let own = stream(&format!("own-{}", self.number));
        let key = |number: usize| stream(&format!("s{number}"));
        let (first, any) = (self.rng.usize(..8), ExpectedVersion::Any);
        let append = match self.rng.u8(..6) {
            0 | 1 => Append::to(own, any).events(some(1)),
            2 => Append::to(key(first), any).events(some(self.rng.usize(2..12))),
            3 => Append::to(key(first), ExpectedVersion::NoStream).events(some(1)),
            4 => Append::to(own, any).events(some(1)).require(key(99), ExpectedVersion::Exists),
            _ => Append::to(key(first), any)
                .events(some(self.rng.usize(1..4)))
                .and(key(first + 1), any)
                .events(some(2))
                .and(own, any)
                .events(some(1)),
        };
        (append, ids)
    }

    async fn step(&mut self) -> u64 {
        let (append, ids) = self.draw();
        match self.store.append(append).await {
            Ok(receipt) => {
                let places = (receipt.first.get()..).map(Position::new);
                self.written.extend(places.zip(ids.iter().copied()));
                ids.len() as u64
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
                self.refused += 1;
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
            let event = event.unwrap();
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
        std::env::var("ES_TEST_EVENTS").ok().map_or(20_000, |number| number.parse().unwrap());
    crate::server::on_a_log(|log| async move {
        let mut stores = Vec::new();
        for _ in 0..STORES {
            stores.push(log.store().await);
        }
        let (ended, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let readers: Vec<_> = (0..READERS)
            .zip(&stores)
            .map(|(seed, store)| tokio::spawn(resume(store.clone(), seed, Arc::clone(&ended))))
            .collect();
        let mut writers = Vec::new();
        for (number, store) in (0..WRITERS).zip(stores.iter().cycle()) {
            let (store, rng) = (store.clone(), Rng::with_seed(number));
            let mut writer = Writer { store, number, rng, written: Vec::new(), refused: 0 };
            let count = Arc::clone(&count);
            writers.push(tokio::spawn(async move {
                while count.load(Ordering::Relaxed) < most {
                    let events = writer.step().await;
                    count.fetch_add(events, Ordering::Relaxed);
                }
                (writer.written, writer.refused)
            }));
        }
        let (mut written, mut refused) = (Vec::new(), 0);
        for writer in writers {
            let of_one = writer.await.unwrap();
            written.extend(of_one.0);
            refused += of_one.1;
        }
        ended.store(true, Ordering::SeqCst);
        let log = checks::whole(&stores[0]).await;
        written.sort_unstable();
        checks::same(&written, &log).unwrap();
        assert!(refused > 0, "some were refused");
        for reader in readers {
            checks::same(&reader.await.unwrap(), &log).unwrap();
        }
    });
}

/// The detector fails for a reader that was not given an event, or given one twice.
#[test]
fn it_detects_what_it_is_for() {
    crate::server::on_a_log(|log: Arc<Log>| async move {
        let store = log.store().await;
        for number in 0..5 {
            store.append(checks::to(&format!("s{number}"), 2)).await.unwrap();
        }
        let log = checks::whole(&store).await;
        let all: Vec<Seen> = log.iter().map(|event| (event.position, event.id)).collect();
        checks::same(&all, &log).unwrap();
        for at in 0..all.len() {
            let mut without = all.clone();
            without.remove(at);
            checks::same(&without, &log).unwrap_err();
            let mut twice = all.clone();
            twice.insert(at, all[at]);
            checks::same(&twice, &log).unwrap_err();
        }
    });
}
