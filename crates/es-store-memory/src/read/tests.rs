//! Reads against a naive filter over the whole log, and what a reader holds up.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    task::Poll,
};

use es_core::{
    Append, Category, Direction, Diverged, Envelope, EventId, EventStore, ExpectedVersion, LogId,
    Position, Query, Read, Timestamp, Version,
};
use fastrand::Rng;

use super::{Scan, Step, merge::Merge, plan::plan, run::Run};
use crate::{
    MemoryStore,
    sample::whole_log,
    sample::{Bell, add, collect, event, event_type, next_page, stream, tag, tenant},
};

const STREAMS: [&str; 8] = ["a/1", "a/2", "b/1", "c/1", "t@a/1", "t@b/1", "u@a/1", "u@c/9"];
const TYPES: [&str; 5] = ["v", "w", "x", "y", "z"];

/// A log of several tenants from its second half on, with a clock that stands and steps.
async fn mixed_log(random: &mut Rng, appends: u64) -> MemoryStore {
    let hand = Arc::new(AtomicI64::new(0));
    let clock = Arc::clone(&hand);
    let store =
        MemoryStore::with_clock(move || Timestamp::from_micros(clock.load(Ordering::SeqCst)));
    for content in 0..appends {
        hand.fetch_add(random.i64(-2..4), Ordering::SeqCst);
        let known = if content < appends / 2 { 4 } else { STREAMS.len() };
        let first = STREAMS[random.usize(0..known)];
        let mut append = Append::to(stream(first), ExpectedVersion::Any);
        for _ in 0..random.usize(1..4) {
            let mut event = event(random.choice(TYPES).unwrap(), content);
            for _ in 0..random.usize(0..4) {
                event = event.with_tag(any_tag(random));
            }
            append = append.event(event);
        }
        store.append(append.build().unwrap()).await.unwrap();
    }
    store
}

/// Some tags are frequent and some are rare, and some are nowhere.
fn any_tag(random: &mut Rng) -> es_core::Tag {
    let rarity = random.u32(0..8);
    let number = random.u32(0..1 << rarity);
    tag(&format!("t:{number}"))
}

fn any_query(random: &mut Rng) -> Query {
    let mut query = Query::any();
    if random.bool() {
        let count = random.usize(1..4);
        query = query.of_types((0..count).map(|_| any_type(random)));
    }
    for _ in 0..random.usize(0..3) {
        query = query.and_tagged(any_tag(random));
    }
    query
}

fn any_type(random: &mut Rng) -> es_core::EventType {
    event_type(random.choice(["v", "w", "x", "y", "z", "none"]).unwrap())
}

fn any_read(random: &mut Rng, log: &[Arc<Envelope>]) -> Read {
    let mut read = match random.u8(0..8) {
        0 | 1 => Read::all(),
        2 | 3 => {
            Read::category(Category::new(random.choice(["a", "b", "c", "d"]).unwrap()).unwrap())
        }
        4..=6 => {
            Read::stream(stream(random.choice(["a/1", "b/1", "t@a/1", "u@c/9", "a/8"]).unwrap()))
        }
        _ => Read::event(random.choice(log).map_or_else(EventId::new, |e| e.id)),
    };
    read = match random.u8(0..5) {
        0 => read.all_tenants(),
        1 => read.tenant(tenant(random.choice(["t", "u", "nobody"]).unwrap())),
        _ => read,
    };
    if random.bool() {
        read = read.matching(any_query(random));
    }
    if random.u8(0..4) == 0 {
        let either = any_query(random).or(any_query(random));
        read = read.matching(either);
    }
    if random.u8(0..20) == 0 {
        read = read.of_types([]);
    }
    let end = log.len() as u64 + 10;
    let near_end = |random: &mut Rng| match random.bool() {
        true => random.u64(0..end),
        false => end - random.u64(0..end.min(40)),
    };
    let micros = |random: &mut Rng| Timestamp::from_micros(random.i64(-5..end as i64));
    let version = |random: &mut Rng| Version::new(random.u64(1..end)).unwrap();
    let mut maybe = |one_in: u8| random.u8(0..one_in) == 0;
    let [after, until, from, to, since, recorded_until, limit, backward] =
        [3, 5, 6, 6, 6, 6, 4, 2].map(&mut maybe);
    if after {
        read = read.after(Position::new(near_end(random)));
    }
    if until {
        read = read.until(Position::new(near_end(random)));
    }
    if from {
        read = read.from_version(version(random));
    }
    if to {
        read = read.to_version(version(random));
    }
    if since {
        read = read.recorded_since(micros(random));
    }
    if recorded_until {
        read = read.recorded_until(micros(random));
    }
    if limit {
        read = read.limit(random.u64(0..600));
    }
    if backward {
        read = read.backward();
    }
    read
}

fn naive(log: &[Arc<Envelope>], read: &Read) -> Vec<u64> {
    let covered = log.iter().filter(|envelope| read.covers(envelope));
    let mut positions: Vec<u64> = covered.map(|envelope| envelope.position.get()).collect();
    if read.direction == Direction::Backward {
        positions.reverse();
    }
    let limit = read.limit.unwrap_or(u64::MAX);
    positions.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    positions
}

async fn positions(store: &MemoryStore, read: &Read) -> Vec<u64> {
    let events = collect(store, read.clone()).await.unwrap();
    events.iter().map(|event| event.position.get()).collect()
}

fn positions_up_to(store: &MemoryStore, read: &Read, head: usize) -> Vec<u64> {
    let head = u32::try_from(head).unwrap();
    let mut scan = Scan::new(store.shared(), read.clone(), head);
    let mut positions = Vec::new();
    loop {
        match scan.step(&store.shared().log).unwrap() {
            Step::Page(page) => positions.extend(page.iter().map(|event| event.position.get())),
            Step::Nothing => {}
            Step::End => return positions,
        }
    }
}

#[tokio::test]
async fn every_read_yields_what_a_filter_over_the_whole_log_does() {
    for (seed, appends, reads) in [(1, 0, 50), (2, 4, 300), (3, 60, 2000), (4, 1500, 3000)] {
        let mut random = Rng::with_seed(seed);
        let store = mixed_log(&mut random, appends).await;
        let log = whole_log(store.shared());
        let mut yielded = 0;
        for _ in 0..reads {
            let read = any_read(&mut random, &log);
            let expected = naive(&log, &read);
            assert_eq!(positions(&store, &read).await, expected, "{read:?}");
            yielded += expected.len();
            // As a reader that began some appends ago.
            let head = random.usize(0..=log.len());
            let earlier = positions_up_to(&store, &read, head);
            assert_eq!(earlier, naive(&log[..head], &read), "at head {head}: {read:?}");
        }
        assert!(appends < 60 || yielded > reads, "the reads were all empty");
    }
}

#[tokio::test]
async fn bounds_of_any_size_are_taken() {
    let store = mixed_log(&mut Rng::with_seed(5), 30).await;
    let log = whole_log(store.shared());
    let far = Position::new(u64::MAX);
    let times = [i64::MIN, i64::MAX].map(Timestamp::from_micros);
    for read in [
        Read::all().after(far),
        Read::all().until(far),
        Read::all().until(Position::START),
        Read::all().after(far).until(Position::START).backward(),
        Read::stream(stream("a/1")).from_version(Version::MAX),
        Read::stream(stream("a/1")).to_version(Version::MAX).backward(),
        Read::all().recorded_since(times[0]).recorded_until(times[1]),
        Read::all().recorded_since(times[1]).backward(),
        Read::all().limit(u64::MAX),
        Read::all().limit(0),
    ] {
        assert_eq!(positions(&store, &read).await, naive(&log, &read), "{read:?}");
    }
}

/// How many positions the plan of a read goes through.
fn planned(store: &MemoryStore, read: &Read) -> u32 {
    let shared = store.shared();
    let runs = plan(shared, read, shared.published.head());
    runs.iter().map(Run::len).sum()
}

#[tokio::test]
async fn a_read_goes_through_the_shortest_lists() {
    let store = MemoryStore::new();
    for content in 0..300 {
        let name = match content % 3 {
            0 => "a/1",
            1 => "a/2",
            _ => "b/1",
        };
        let frequent = event("x", content).with_tag(tag("all:1"));
        let event = match content % 100 {
            0 => frequent.with_tag(tag("some:1")),
            1 => event("rare", content).with_tag(tag("all:1")),
            _ => frequent,
        };
        add(&store, name, [event]).await;
    }
    add(&store, "t@a/1", [event("x", 300)]).await;
    let (all, some) = (|| tag("all:1"), || tag("some:1"));
    let a = || Category::new("a").unwrap();
    for (expected, read) in [
        (301, Read::all().all_tenants()),
        (300, Read::all()),
        (1, Read::all().tenant(tenant("t"))),
        (0, Read::all().tenant(tenant("nobody"))),
        // The list of a category is everybody's; that of a tenant's category is not.
        (201, Read::category(a())),
        (201, Read::category(a()).all_tenants()),
        (1, Read::category(a()).tenant(tenant("t"))),
        (0, Read::category(Category::new("none").unwrap())),
        (100, Read::stream(stream("a/1"))),
        (2, Read::stream(stream("a/1")).from_version(Version::new(99).unwrap())),
        (3, Read::all().tagged(all()).tagged(some())),
        (3, Read::all().tagged(all()).of_types([event_type("rare")])),
        (
            6,
            Read::all()
                .matching(Query::tagged(some()).or(Query::any().of_types([event_type("rare")]))),
        ),
        (201, Read::category(a()).tagged(all())),
        (0, Read::all().tagged(tag("none:1")).tagged(all())),
        (0, Read::all().of_types([])),
        (1, Read::all().tagged(some()).after(Position::new(150))),
        // So few that the log itself is taken.
        (5, Read::all().tagged(some()).after(Position::new(296))),
    ] {
        assert_eq!(planned(&store, &read), expected, "{read:?}");
    }
}

#[tokio::test]
async fn a_read_is_as_of_its_first_poll_and_holds_nobody_up() {
    let store = MemoryStore::new();
    let fill = |from: u64| (from..from + 1000).map(|content| event("x", content));
    add(&store, "a/1", fill(0)).await;
    for read in [
        Read::all(),
        Read::stream(stream("a/1")).backward(),
        Read::all().of_types([event_type("x"), event_type("y")]),
    ] {
        let mut pages = store.read(read);
        let first = next_page(&mut pages).await.unwrap().unwrap();
        let before = store.head().await.unwrap().position.get();
        // If the reader held a lock, this would never return.
        add(&store, "a/1", fill(before)).await;
        let mut count = first.len() as u64;
        while let Some(page) = next_page(&mut pages).await {
            count += page.unwrap().len() as u64;
        }
        assert_eq!(count, before);
    }
    let idle = store.read(Read::all());
    add(&store, "a/1", [event("x", 0)]).await;
    let head = store.head().await.unwrap().position.get();
    let mut pages = idle;
    let mut count = 0;
    while let Some(page) = next_page(&mut pages).await {
        count += page.unwrap().len() as u64;
    }
    assert_eq!(count, head, "a read begins when it is polled");
}

#[tokio::test]
async fn pages_are_bounded_and_end_once() {
    let store = MemoryStore::new();
    add(&store, "a/1", (0..700).map(|content| event("x", content))).await;
    let mut pages = store.read(Read::all().limit(600));
    let mut sizes = Vec::new();
    while let Some(page) = next_page(&mut pages).await {
        sizes.push(page.unwrap().len());
    }
    assert_eq!(sizes, [256, 256, 88]);
    assert!(next_page(&mut pages).await.is_none());
}

#[tokio::test]
async fn a_scan_that_finds_nothing_lets_others_run() {
    let store = MemoryStore::new();
    for _ in 0..3 {
        // Frequent together, never both: no list tells.
        let events = (0..1000)
            .map(|content| event("x", content).with_tag(tag(&format!("t:{}", content % 2))));
        add(&store, "a/1", events).await;
    }
    let both = Read::all().tagged(tag("t:0")).tagged(tag("t:1"));
    let mut pages = store.read(both);
    let bell = Arc::new(Bell::default());
    let mut polls = 0;
    let page = loop {
        let mut next = pin!(next_page(&mut pages));
        polls += 1;
        match bell.poll(&mut next) {
            Poll::Pending => assert_eq!(bell.rings(), polls, "it must wake itself"),
            Poll::Ready(page) => break page,
        }
    };
    assert!(page.is_none());
    assert_eq!(polls, 2, "1500 candidates in steps of 1024");
}

#[tokio::test]
async fn the_log_that_a_read_names_must_be_this_one() {
    let store = MemoryStore::new();
    add(&store, "a/1", [event("x", 0)]).await;
    let own = store.head().await.unwrap();
    let other = LogId::generate();
    assert_eq!(collect(&store, Read::all().of_log(own.log)).await.unwrap().len(), 1);
    let error = collect(&store, Read::all().of_log(other)).await.unwrap_err();
    let replaced = Diverged::Replaced { expected: other, found: own.log };
    assert_eq!(error.diverged(), Some(&replaced));
    let ahead = Position::new(2);
    let error = collect(&store, Read::all().of_log(own.log).after(ahead)).await.unwrap_err();
    let rolled_back = Diverged::RolledBack { reader: ahead, head: own };
    assert_eq!(error.diverged(), Some(&rolled_back));
}

#[tokio::test]
async fn an_event_is_found_by_its_id() {
    let store = MemoryStore::new();
    let wanted = event("x", 1).with_tag(tag("t:1"));
    add(&store, "t@a/1", [event("x", 0), wanted.clone(), event("x", 2)]).await;
    let found = collect(&store, Read::event(wanted.id)).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].id, found[0].position.get()), (wanted.id, 2));
    let narrowed = [
        Read::event(wanted.id).tenant(tenant("u")),
        Read::event(wanted.id).tagged(tag("t:2")),
        Read::event(wanted.id).after(Position::new(2)),
        Read::event(wanted.id).limit(0),
        Read::event(EventId::new()),
    ];
    for read in narrowed {
        assert!(collect(&store, read.clone()).await.unwrap().is_empty(), "{read:?}");
    }
}

#[test]
fn runs_are_merged_in_order_without_doubles() {
    let run = |(first, last): (u32, u32)| Run::whole(1000).within(first, last);
    for (runs, expected) in [
        (vec![], vec![]),
        (vec![(3, 5)], vec![3, 4, 5]),
        (vec![(3, 5), (4, 7), (1, 1), (9, 8)], vec![1, 3, 4, 5, 6, 7]),
        (vec![(5, 300), (5, 300), (100, 400)], (5..=400).collect()),
    ] {
        for direction in [Direction::Forward, Direction::Backward] {
            let mut merge = Merge::new(runs.iter().copied().map(run).collect(), direction);
            let mut merged: Vec<u32> = std::iter::from_fn(|| merge.next()).collect();
            if direction == Direction::Backward {
                merged.reverse();
            }
            assert_eq!(merged, expected);
            assert_eq!(merge.left(), 0);
        }
    }
}
