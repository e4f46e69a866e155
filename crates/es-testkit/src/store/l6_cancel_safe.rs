//! L6: dropping an append future leaves the log with all of that append or none of it, and
//! never disturbs another caller's append.

use std::{
    collections::HashSet,
    future::{Future, poll_fn},
    pin::pin,
};

use es_core::{Append, ExpectedVersion, NewEvent, Read, Store, StreamId};
use fastrand::Rng;

use crate::{
    declined::{Need, declines},
    sample::{all, category, ids, key, many, put, read, stream, to},
    tasks::{poll_and_drop, together, turns},
};

/// How many events each append of these cases has.
const EVENTS: usize = 4;

/// A future that is dropped before it is polled writes nothing.
pub async fn an_append_that_is_never_polled_writes_nothing(store: Store) {
    drop(store.append(to("a", ExpectedVersion::Any).events(many(EVENTS))));
    put(&store, "b", many(1)).await;
    assert_eq!(all(&store).await.len(), 1);
}

/// Dropped after so many polls, at random: all of its events are there, or none; and
/// appending them again settles it.
pub async fn a_dropped_append_leaves_all_or_nothing(store: Store) {
    let mut rng = Rng::with_seed(6);
    for round in 0..60 {
        let key = format!("s{round}");
        let events = many(EVENTS);
        let append = to(&key, ExpectedVersion::NoStream).events(events.clone());
        poll_and_drop(store.append(append), rng.usize(..6)).await;
        expect_all_or_nothing(&store, &key).await;
        settle(&store, &key, events).await;
    }
    expect_no_doubles(&store).await;
}

/// Dropped at the moment that another append, begun at the same time, is answered.
pub async fn an_append_dropped_beside_another_leaves_all_or_nothing(store: Store) {
    for round in 0..30 {
        let (dropped, kept) = (format!("dropped-{round}"), format!("kept-{round}"));
        let events = many(EVENTS);
        let victim = store.append(to(&dropped, ExpectedVersion::NoStream).events(events.clone()));
        let other = store.append(to(&kept, ExpectedVersion::NoStream).events(many(EVENTS)));
        until_the_second_is_done(victim, other).await;
        expect_all_or_nothing(&store, &dropped).await;
        settle(&store, &dropped, events).await;
        assert_eq!(read(&store, Read::stream(stream(&kept))).await.len(), EVENTS);
    }
}

/// The same over several streams: all of them have their events, or none.
pub async fn a_dropped_append_to_several_streams_leaves_all_or_nothing(store: Store) {
    if declines(&store, Need::MultiStream) {
        return;
    }
    let mut rng = Rng::with_seed(66);
    for round in 0..40 {
        // A category of their own, so that one read sees both streams at one moment.
        let pair = category(&format!("pair{round}"));
        let [left, right] = ["left", "right"].map(|side| StreamId::of(pair.clone(), key(side)));
        let (a, b) = (many(2), many(3));
        let append = || {
            Append::to(left.clone(), ExpectedVersion::NoStream)
                .events(a.clone())
                .and(right.clone(), ExpectedVersion::NoStream)
                .events(b.clone())
        };
        poll_and_drop(store.append(append()), rng.usize(..6)).await;
        let there = read(&store, Read::category(pair.clone())).await.len();
        assert!(there == 0 || there == 5, "{there} of 5 events are there");
        store.append(append()).await.expect("appending again settles it");
        assert_eq!(read(&store, Read::category(pair)).await.len(), 5);
    }
}

/// Appends that are dropped around them disturb no other caller: each of those is
/// answered, each of their events is there once.
pub async fn other_callers_are_not_disturbed(store: Store) {
    const BYSTANDERS: usize = 4;
    const APPENDS: usize = 15;
    let callers = (0..2 * BYSTANDERS).map(|caller| {
        let store = store.clone();
        let mut rng = Rng::with_seed(caller as u64);
        async move {
            for n in 0..APPENDS {
                if caller % 2 == 0 {
                    put(&store, "shared", many(EVENTS)).await;
                } else {
                    let append = to(&format!("dropped-{caller}-{n}"), ExpectedVersion::NoStream)
                        .events(many(EVENTS));
                    poll_and_drop(store.append(append), rng.usize(..4)).await;
                }
                turns(1).await;
            }
        }
    });
    together(callers).await;
    let shared = read(&store, Read::stream(stream("shared"))).await;
    assert_eq!(shared.len(), BYSTANDERS * APPENDS * EVENTS);
    expect_no_doubles(&store).await;
}

/// Drives both and drops the first when the second is done.
async fn until_the_second_is_done<A: Future, B: Future>(first: A, second: B) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let mut first_is_done = false;
    poll_fn(|cx| {
        if !first_is_done {
            first_is_done = first.as_mut().poll(cx).is_ready();
        }
        second.as_mut().poll(cx).map(drop)
    })
    .await;
}

/// One read, so that an append that still commits meanwhile cannot be seen in part.
async fn expect_all_or_nothing(store: &Store, key: &str) {
    let there = read(store, Read::stream(stream(key))).await.len();
    assert!(there == 0 || there == EVENTS, "{there} of {EVENTS} events are there");
}

/// Appends the events again, after which they are there exactly once.
async fn settle(store: &Store, key: &str, events: Vec<NewEvent>) {
    let wanted: Vec<_> = events.iter().map(|event| event.id).collect();
    let append = to(key, ExpectedVersion::NoStream).events(events);
    store.append(append).await.expect("appending again settles it");
    let there = read(store, Read::stream(stream(key))).await;
    assert_eq!(ids(&there), wanted);
    for id in wanted {
        assert!(store.find(id).await.unwrap().is_some(), "{id} cannot be found");
    }
}

async fn expect_no_doubles(store: &Store) {
    let mut seen = HashSet::new();
    for event in all(store).await {
        assert!(seen.insert(event.id), "{} is there twice", event.id);
    }
}
