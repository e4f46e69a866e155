//! Writers, readers and followers at once.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use es_core::{
    Append, ErrorKind, ExpectedVersion, NewEvent, Payload, Position, Query, Read, Result, Schema,
    Store, StreamId, Tag, Tenant, Version,
};
use es_store_memory::MemoryStore;
use tokio::task::JoinSet;

const WRITERS: usize = 32;

fn event(content: usize) -> NewEvent {
    let schema = Schema::from_static("counted", 1);
    NewEvent::raw(schema, Payload::json(&content).unwrap())
}

fn stream(key: usize) -> StreamId {
    StreamId::new("counter", key).unwrap()
}

fn tag(value: usize) -> Tag {
    Tag::new("group", value).unwrap()
}

/// What one writer saw of one attempt.
struct Attempt {
    stream: usize,
    expected: Option<Version>,
    /// The version that the stream has now, or that it really had.
    outcome: Result<Version, Option<Version>>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_version_has_one_winner_and_every_loser_is_told_the_truth() {
    let store = Store::new(MemoryStore::new());
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        tasks.spawn(async move {
            let mut attempts = Vec::new();
            for round in 0..60 {
                let key = (writer + round) % 3;
                let expected = store.version(&stream(key)).await.unwrap();
                // Others get between the look and the append.
                tokio::task::yield_now().await;
                // Two events, so that only every other version is ever the last.
                let append = Append::to(stream(key), ExpectedVersion::exactly(expected))
                    .events([event(round), event(round)]);
                let outcome = match store.append(append).await {
                    Ok(receipt) => Ok(receipt.version()),
                    Err(error) => Err(error.conflict().expect("a conflict").actual),
                };
                attempts.push(Attempt { stream: key, expected, outcome });
            }
            attempts
        });
    }
    let attempts: Vec<Attempt> = tasks.join_all().await.into_iter().flatten().collect();

    let mut winners: HashMap<usize, HashSet<Version>> = HashMap::new();
    for attempt in &attempts {
        if let Ok(version) = attempt.outcome {
            assert_eq!(Version::after(attempt.expected, 2), Some(version));
            let is_new = winners.entry(attempt.stream).or_default().insert(version);
            assert!(is_new, "two writers won version {version}");
        }
    }
    let mut losers = 0;
    for attempt in &attempts {
        if let Err(actual) = attempt.outcome {
            losers += 1;
            assert!(actual > attempt.expected, "there was no conflict");
            let actual = actual.unwrap();
            assert!(winners[&attempt.stream].contains(&actual), "it never was {actual}");
        }
    }
    assert!(losers > 0, "nobody ever lost");
    for (key, won) in winners {
        let last = store.version(&stream(key)).await.unwrap().unwrap();
        assert_eq!(won.len() as u64 * 2, last.get());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn any_version_never_conflicts_and_all_of_it_is_there() {
    const EACH: usize = 200;
    let store = Store::new(MemoryStore::new());
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        tasks.spawn(async move {
            for round in 0..EACH {
                let append = Append::to(stream(round % 2), ExpectedVersion::Any);
                store.append(append.event(event(writer))).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let events = store.read(Read::all()).into_vec().await.unwrap();
    assert_eq!(events.len(), WRITERS * EACH);
    let mut last: HashMap<StreamId, u64> = HashMap::new();
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event.position.get(), at as u64 + 1);
        let version = last.entry(event.stream.clone()).or_default();
        *version += 1;
        assert_eq!(event.version.get(), *version);
    }
}

/// A long append, so that a reader has time to see the middle of it: 100 events over two
/// streams, of one tenant or of none, with one of two tags.
fn group(number: usize) -> Append {
    let tenant = number.is_multiple_of(3).then(|| Tenant::new("t").unwrap());
    let of = |name: StreamId| match &tenant {
        Some(tenant) => name.with_tenant(tenant.clone()),
        None => name,
    };
    let events = |count| (0..count).map(|_| event(number).with_tag(tag(number % 2)));
    Append::to(of(stream(0)), ExpectedVersion::Any)
        .events(events(60))
        .and(of(stream(1)), ExpectedVersion::Any)
        .events(events(40))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_append_is_seen_whole_by_every_kind_of_read() {
    const WRITERS: usize = 2;
    const GROUPS: usize = 150;
    let store = Store::new(MemoryStore::new());
    let done = Arc::new(AtomicBool::new(false));
    let tenants = Read::all().all_tenants();
    let reads = [
        (tenants.clone(), 100),
        (Read::all(), 100),
        (Read::all().tenant(Tenant::new("t").unwrap()), 100),
        (Read::stream(stream(0)), 60),
        (tenants.clone().tagged(tag(1)), 100),
        (tenants.backward(), 100),
    ];
    let mut readers = JoinSet::new();
    for (read, of_group) in reads {
        let (store, done) = (store.clone(), Arc::clone(&done));
        readers.spawn(async move {
            let mut newest = Position::START;
            loop {
                let is_last = done.load(Ordering::SeqCst);
                // The newest only, so that each look is short: it is there that an append
                // would be seen in part.
                let read = read.clone().after(newest);
                let events = store.read(read).into_vec().await.unwrap();
                assert_eq!(events.len() % of_group, 0, "part of an append was seen");
                for group in events.chunks(of_group) {
                    let payload = &group[0].payload;
                    assert!(group.iter().all(|event| event.payload == *payload));
                }
                let seen = events.iter().map(|event| event.position);
                newest = seen.max().unwrap_or(newest);
                if is_last {
                    return;
                }
                tokio::task::yield_now().await;
            }
        });
    }
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        writers.spawn(async move {
            for number in 0..GROUPS {
                store.append(group(writer * GROUPS + number)).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
    }
    writers.join_all().await;
    done.store(true, Ordering::SeqCst);
    readers.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn followers_see_every_event_once_and_in_order() {
    const FOLLOWERS: usize = 8;
    const EACH: usize = 150;
    let store = Store::new(MemoryStore::new());
    let mut followers = JoinSet::new();
    for follower in 0..FOLLOWERS {
        // Some begin before the writers, some somewhere in the middle.
        let store = store.clone();
        followers.spawn(async move {
            let start = store.wait(Position::new(follower as u64 / 2 * 100)).await;
            let start = Position::new(start.unwrap().position.get() / 2);
            let mut follow = store.follow(Read::all().after(start));
            let mut last = start.get();
            while last < (WRITERS * EACH) as u64 {
                let event = follow.next_event().await.unwrap().unwrap();
                assert_eq!(event.position.get(), last + 1);
                last += 1;
            }
        });
    }
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        writers.spawn(async move {
            for _ in 0..EACH {
                let append = Append::to(stream(writer % 5), ExpectedVersion::Any);
                store.append(append.event(event(writer))).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
    }
    writers.join_all().await;
    followers.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_writers_that_exclude_each_other_one_wins() {
    let store = Store::new(MemoryStore::new());
    for seat in 0..100 {
        let start = store.head().await.unwrap().position;
        let mut tasks = JoinSet::new();
        for writer in 0..WRITERS {
            let store = store.clone();
            tasks.spawn(async move {
                // Each in a stream of its own: only the condition is in the way.
                let append = Append::to(stream(writer), ExpectedVersion::Any)
                    .event(event(seat).with_tag(tag(seat)))
                    .unless(Query::tagged(tag(seat)), start);
                store.append(append).await.map_err(|error| error.kind())
            });
        }
        let outcomes = tasks.join_all().await;
        let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let lost = Err(ErrorKind::ConditionFailed);
        assert_eq!(won, 1);
        assert!(outcomes.iter().all(|outcome| outcome.is_ok() || *outcome == lost));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_append_that_is_sent_many_times_is_written_once() {
    let store = Store::new(MemoryStore::new());
    let first = Arc::new(AtomicUsize::new(0));
    for number in 0..100 {
        let events = [event(number), event(number)];
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let (store, first, events) = (store.clone(), Arc::clone(&first), events.clone());
            tasks.spawn(async move {
                let append = Append::to(stream(0), ExpectedVersion::Any).events(events);
                let mut receipt = store.append(append).await.unwrap();
                first.fetch_add(usize::from(!receipt.replayed), Ordering::SeqCst);
                receipt.replayed = true;
                receipt
            });
        }
        let receipts = tasks.join_all().await;
        assert!(receipts.iter().all(|receipt| *receipt == receipts[0]));
    }
    assert_eq!(first.load(Ordering::SeqCst), 100);
    let last = store.version(&stream(0)).await.unwrap().unwrap();
    assert_eq!(last.get(), 200);
}
