//! Long reads, which are fetched in pieces side by side, and short ones, which are done where
//! they are asked for.

use std::sync::Arc;

use es_core::{
    Append, ExpectedVersion, NewEvent, Payload, Position, Read, Recorded, Schema, Store, StreamId,
    Version,
};
use es_store_sqlite::{SqliteOptions, SqliteStore};

const EVENTS: u64 = 4_000;

/// Now and then an event so large that it ends a page.
fn event(number: u64) -> NewEvent {
    let size = if number.is_multiple_of(397) { 700_000 } else { 20 };
    let payload = Payload::json(&format!("{number}:{}", "x".repeat(size))).unwrap();
    NewEvent::raw(Schema::from_static("numbered", 1), payload)
}

fn stream(name: &str) -> StreamId {
    StreamId::new("piece", name).unwrap()
}

async fn append(store: &Store, name: &str, numbers: std::ops::Range<u64>) {
    let append = Append::to(stream(name), ExpectedVersion::Any).events(numbers.map(event));
    store.append(append).await.unwrap();
}

/// A log in which `long` has as many events as `other`, in turns.
async fn log(readers: usize) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new().with_readers(readers).unwrap();
    let store = SqliteStore::open_with(folder.path().join("log.db"), options).await.unwrap();
    let store = Store::new(store);
    for first in (0..EVENTS).step_by(100) {
        append(&store, "long", first..first + 100).await;
        append(&store, "other", first..first + 100).await;
    }
    (folder, store)
}

fn places(events: &[Recorded]) -> Vec<(u64, u64)> {
    events.iter().map(|event| (event.position.get(), event.version.get())).collect()
}

/// What a read of everything says, as a model of the others.
fn wanted(of_long: impl Fn(u64, u64) -> bool) -> Vec<(u64, u64)> {
    let places = (1..=EVENTS).map(|version| {
        let hundreds = (version - 1) / 100;
        (hundreds * 100 + version, version)
    });
    places.filter(|&(position, version)| of_long(position, version)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn long_reads_come_whole_and_in_order_in_both_directions() {
    for readers in [1, 4] {
        let (_folder, store) = log(readers).await;
        let long = || Read::stream(stream("long"));
        let bounded = |version: u64| long().from_version(Version::new(version).unwrap());
        let reads = [
            (long(), wanted(|_, _| true)),
            (long().after(Position::new(900)), wanted(|position, _| position > 900)),
            (long().until(Position::new(7_123)), wanted(|position, _| position <= 7_123)),
            (bounded(129), wanted(|_, version| version >= 129)),
            (bounded(3_489), wanted(|_, version| version >= 3_489)),
            (bounded(4_001), Vec::new()),
            (long().limit(128), wanted(|_, version| version <= 128)),
            (long().limit(1_500), wanted(|_, version| version <= 1_500)),
        ];
        for (read, wanted) in reads {
            let has_limit = read.limit.is_some();
            let forward = store.read(read.clone()).into_vec().await.unwrap();
            assert_eq!(places(&forward), wanted, "{read:?}");
            let mut backward = store.read(read.clone().backward()).into_vec().await.unwrap();
            backward.reverse();
            if has_limit {
                assert_eq!(backward.len(), wanted.len());
                assert_eq!(backward.last().map(|event| event.version.get()), Some(EVENTS));
            } else {
                assert_eq!(places(&backward), wanted, "backward {read:?}");
            }
        }
        let all = store.read(Read::all()).into_vec().await.unwrap();
        let positions = all.iter().map(|event| event.position.get());
        assert!(positions.eq(1..=2 * EVENTS), "everything, once and in order");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_covers_one_moment_of_the_log_while_others_append() {
    let (_folder, store) = log(4).await;
    let writer = {
        let store = store.clone();
        tokio::spawn(async move {
            for round in 0..60 {
                append(&store, if round % 2 == 0 { "long" } else { "other" }, 0..20).await;
            }
        })
    };
    let mut last = 0;
    while !writer.is_finished() {
        for read in [Read::stream(stream("long")), Read::stream(stream("long")).backward()] {
            let is_forward = read.direction == es_core::Direction::Forward;
            let mut versions: Vec<u64> = Vec::new();
            let mut events = store.read(read);
            while let Some(event) = events.next().await {
                versions.push(event.unwrap().version.get());
            }
            if !is_forward {
                versions.reverse();
            }
            let count = versions.len() as u64;
            assert!(versions.into_iter().eq(1..=count), "a prefix without holes");
            assert!(count >= last, "what was read once is there");
            last = count;
        }
    }
    writer.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn short_reads_by_many_tasks_at_once_all_answer() {
    let (_folder, store) = log(1).await;
    let store = Arc::new(store);
    let tasks: Vec<_> = (0..64_u64)
        .map(|task| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for round in 0..20 {
                    let first = (task * 20 + round) % 3_000 + 1;
                    let read = Read::stream(stream("long"))
                        .from_version(Version::new(first).unwrap())
                        .limit(10);
                    let events = store.read(read).into_vec().await.unwrap();
                    let versions = events.iter().map(|event| event.version.get());
                    assert!(versions.eq(first..first + 10));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}
