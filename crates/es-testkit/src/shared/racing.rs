//! Writers to both handles at once.
//!
//! Which of them wins is chance; that one does, that nothing is written twice, and that no
//! reader of either handle skips, is not.

use std::collections::HashMap;

use es_core::{EventId, ExpectedVersion, Position, Query, Read, Store, StreamId};
use fastrand::Rng;

use crate::{
    declined::{Need, declines},
    sample::{all, event, ids, many, put, read, stream, tag, to, version},
    tasks::{Flag, beside, together, turns},
};

/// Appends to any version never conflict, whichever handle they go through; the versions of
/// each stream run from 1 without holes, and positions agree with them.
pub async fn any_never_conflicts(handles: [Store; 2]) {
    const EACH: usize = 25;
    if declines(&handles[0], Need::Shared) {
        return;
    }
    let writers = (0..8).map(|writer| {
        let store = handles[writer % 2].clone();
        async move {
            for n in 0..EACH {
                put(&store, &format!("s{}", (writer + n) % 3), many(1 + n % 2)).await;
            }
        }
    });
    together(writers).await;
    let log = all(&handles[0]).await;
    assert_eq!(log, all(&handles[1]).await);
    assert_eq!(log.len(), 8 * (EACH + EACH / 2));
    let mut versions: HashMap<&StreamId, u64> = HashMap::new();
    let mut before = Position::START;
    for event in &log {
        let last = versions.entry(&event.stream).or_default();
        assert_eq!(event.version, version(*last + 1), "of {}", event.stream);
        assert!(event.position > before, "positions grow");
        *last += 1;
        before = event.position;
    }
}

/// Of several at the same exact version, one wins each; the losers learn a version that
/// lets them win in the end.
pub async fn one_wins_each_exact_version(handles: [Store; 2]) {
    const WRITERS: u64 = 12;
    if declines(&handles[0], Need::Shared) {
        return;
    }
    put(&handles[0], "a", many(1)).await;
    let writers = handles.iter().cycle().take(12).map(|store| {
        let store = store.clone();
        async move {
            let mut known = version(1);
            loop {
                let append = to("a", ExpectedVersion::Exact(known)).events(many(1));
                let error = match store.append(append).await {
                    Ok(receipt) => {
                        assert_eq!(receipt.version(), known.next());
                        return receipt.version();
                    }
                    Err(error) => error,
                };
                let conflict = error.conflict().expect("the losers have a conflict");
                let actual = conflict.actual.expect("the stream exists");
                assert!(actual > known, "a conflict at {known} that says {actual}");
                known = actual;
            }
        }
    });
    let mut won = together(writers).await;
    won.sort_unstable();
    assert_eq!(won, (2..=1 + WRITERS).map(version).collect::<Vec<_>>());
}

/// Of identical appends through both handles, one writes; all get the same receipt.
pub async fn of_identical_appends_one_writes(handles: [Store; 2]) {
    if declines(&handles[0], Need::Shared) {
        return;
    }
    for round in 0..10 {
        let key = format!("s{round}");
        let events = many(3);
        let writers = (0..6).map(|writer| {
            let append = to(&key, ExpectedVersion::NoStream).events(events.clone());
            let store = handles[writer % 2].clone();
            async move { store.append(append).await.expect("a repeated append succeeds") }
        });
        let receipts = together(writers).await;
        let first = receipts.iter().filter(|receipt| !receipt.replayed);
        assert_eq!(first.count(), 1, "exactly one of them is no replay");
        for receipt in &receipts {
            assert_eq!(receipt.clone().as_replay(), receipts[0].clone().as_replay());
        }
        assert_eq!(read(&handles[0], Read::stream(stream(&key))).await.len(), 3);
    }
}

/// Of several under the same condition, one wins.
pub async fn one_wins_under_the_same_condition(handles: [Store; 2]) {
    if declines(&handles[0], Need::Shared) || declines(&handles[0], Need::Conditions) {
        return;
    }
    for seat in 0..10 {
        let writers = (0..6).map(|writer| {
            let mark = tag("seat", seat);
            let append = to(&format!("customer-{writer}"), ExpectedVersion::Any)
                .event(event("reserved").with_tag(mark.clone()))
                .unless(Query::tagged(mark), Position::START);
            let store = handles[writer % 2].clone();
            async move { store.append(append).await.is_ok() }
        });
        let won = together(writers).await;
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "seat {seat}");
    }
}

/// Readers of both handles, which resume from the last event that they have seen, each meet
/// the whole log, in its order, each event once: the log cannot skip.
pub async fn no_reader_of_either_skips(handles: [Store; 2]) {
    if declines(&handles[0], Need::Shared) {
        return;
    }
    let written = Flag::default();
    let writers = (0..6).map(|writer| {
        let store = handles[writer % 2].clone();
        let mut rng = Rng::with_seed(writer as u64);
        async move {
            for _ in 0..15 {
                put(&store, &format!("s{}", rng.usize(..4)), many(rng.usize(1..4))).await;
                turns(rng.usize(..3)).await;
            }
        }
    });
    let readers = (0..4).map(|reader| resume(handles[reader % 2].clone(), written.clone()));
    let sequences = beside(&written, writers, readers).await;
    let log = ids(&all(&handles[0]).await);
    for seen in sequences {
        assert_eq!(seen, log, "a reader met another log");
    }
}

/// A reader of one handle never sees part of an append through the other.
pub async fn an_append_is_whole_through_the_other([one, other]: [Store; 2]) {
    const EVENTS: usize = 20;
    if declines(&one, Need::Shared) {
        return;
    }
    let written = Flag::default();
    let writer = async move {
        for _ in 0..30 {
            put(&one, "a", many(EVENTS)).await;
        }
    };
    let readers = (0..2).map(|_| {
        let (store, written) = (other.clone(), written.clone());
        async move {
            loop {
                let last_look = written.is_set();
                let there = read(&store, Read::all()).await.len();
                assert_eq!(there % EVENTS, 0, "part of an append is there");
                if last_look {
                    return there;
                }
                turns(1).await;
            }
        }
    });
    assert_eq!(beside(&written, [writer], readers).await, [30 * EVENTS; 2]);
}

async fn resume(store: Store, written: Flag) -> Vec<EventId> {
    let (mut seen, mut after) = (Vec::new(), Position::START);
    loop {
        let last_look = written.is_set();
        for event in read(&store, Read::all().after(after)).await {
            assert!(event.position > after, "an event at or below the bound");
            after = event.position;
            seen.push(event.id);
        }
        if last_look {
            return seen;
        }
        turns(1).await;
    }
}
