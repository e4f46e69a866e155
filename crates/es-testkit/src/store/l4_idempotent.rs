//! L4: appending the same events again returns the first receipt, so a retry after a lost
//! reply is always safe.

use es_core::{
    Append, ExpectedVersion, Metadata, NewEvent, Position, Query, Read, Receipt, Store, Version,
    limits,
};

use crate::{
    declined::{Need, declines},
    sample::{all, event, expect_log, many, put, read, stream, tag, to, version},
    tasks::{together, turns},
};

/// The same append again: the first receipt, marked as a replay, and nothing written.
pub async fn the_same_append_again_gives_the_first_receipt(store: Store) {
    let events = many(3);
    let first = store.append(to("a", ExpectedVersion::NoStream).events(events.clone())).await;
    let again = to("a", ExpectedVersion::NoStream).events(events);
    expect_replay(&store, again, &first.unwrap()).await;
}

/// It does so as often as it is asked.
pub async fn a_replay_can_be_repeated(store: Store) {
    let events = many(2);
    let first = put(&store, "a", events.clone()).await;
    for _ in 0..5 {
        let again = to("a", ExpectedVersion::Any).events(events.clone());
        expect_replay(&store, again, &first).await;
    }
}

/// Whatever the expected version says now: a replay is recognised before it is checked.
pub async fn a_replay_does_not_look_at_the_expected_version(store: Store) {
    let events = many(2);
    let first = put(&store, "a", events.clone()).await;
    for expected in [
        ExpectedVersion::Any,
        ExpectedVersion::NoStream,
        ExpectedVersion::Exists,
        ExpectedVersion::Exact(Version::FIRST),
        ExpectedVersion::Exact(version(99)),
    ] {
        let again = to("a", expected).events(events.clone());
        expect_replay(&store, again, &first).await;
    }
}

/// Later appends to the same stream change nothing about it: the receipt is the first one,
/// with the versions of then.
pub async fn later_appends_do_not_change_the_receipt(store: Store) {
    put(&store, "a", many(1)).await;
    let events = many(2);
    let append = to("a", ExpectedVersion::Exact(version(1))).events(events.clone());
    let first = store.append(append).await.unwrap();
    put(&store, "b", many(3)).await;
    put(&store, "a", many(4)).await;
    let again = to("a", ExpectedVersion::Exact(version(1))).events(events);
    expect_replay(&store, again, &first).await;
}

/// An append over several streams is repeated as one.
pub async fn an_append_to_several_streams_is_replayed(store: Store) {
    if declines(&store, Need::MultiStream) {
        return;
    }
    let (a, b) = (many(2), many(3));
    let append = |a: Vec<NewEvent>, b: Vec<NewEvent>| {
        to("a", ExpectedVersion::NoStream)
            .events(a)
            .and(stream("b"), ExpectedVersion::NoStream)
            .events(b)
    };
    let first = store.append(append(a.clone(), b.clone())).await.unwrap();
    put(&store, "b", many(1)).await;
    put(&store, "a", many(1)).await;
    expect_replay(&store, append(a, b), &first).await;
}

/// A demand on another stream that no longer holds does not matter to a replay.
pub async fn a_replay_does_not_look_at_required_streams(store: Store) {
    if declines(&store, Need::MultiStream) {
        return;
    }
    let events = many(1);
    let append = |events: Vec<NewEvent>| {
        to("a", ExpectedVersion::NoStream)
            .events(events)
            .require(stream("b"), ExpectedVersion::NoStream)
    };
    let first = store.append(append(events.clone())).await.unwrap();
    put(&store, "b", many(1)).await;
    expect_replay(&store, append(events), &first).await;
}

/// An `unless` condition that no longer holds, broken by the append itself and by others,
/// does not matter to a replay.
pub async fn a_replay_does_not_look_at_conditions(store: Store) {
    if declines(&store, Need::Conditions) {
        return;
    }
    let seat = tag("seat", "7a");
    let taken = event("seat.taken").with_tag(seat.clone());
    let append = |taken: NewEvent| {
        to("a", ExpectedVersion::Any)
            .event(taken)
            .unless(Query::tagged(seat.clone()), Position::START)
    };
    let first = store.append(append(taken.clone())).await.unwrap();
    expect_replay(&store, append(taken.clone()), &first).await;
    put(&store, "b", vec![event("seat.taken").with_tag(seat.clone())]).await;
    expect_replay(&store, append(taken), &first).await;
}

/// A retry may run within another trace: other metadata is no other event, and what was
/// recorded first stays.
pub async fn other_metadata_is_no_other_event(store: Store) {
    let noted = event("noted").with_metadata(Metadata::new().with_actor("alice"));
    let first = put(&store, "a", vec![noted.clone()]).await;
    let retried = noted.with_metadata(Metadata::new().with_actor("bob"));
    let again = to("a", ExpectedVersion::Any).event(retried);
    expect_replay(&store, again, &first).await;
    let kept = read(&store, Read::stream(stream("a"))).await;
    assert_eq!(kept[0].metadata.actor(), Some("alice"));
}

/// An append of the greatest allowed number of events is recognised as a whole.
pub async fn a_large_append_is_replayed(store: Store) {
    let events = many(limits::MAX_EVENTS_PER_APPEND);
    let first = put(&store, "a", events.clone()).await;
    let again = to("a", ExpectedVersion::NoStream).events(events);
    expect_replay(&store, again, &first).await;
}

/// Of identical appends at the same time, exactly one writes; all get the same receipt.
pub async fn of_concurrent_identical_appends_one_writes(store: Store) {
    for round in 0..10 {
        let key = format!("s{round}");
        let events = many(3);
        let writers = (0..8).map(|writer| {
            let append = to(&key, ExpectedVersion::NoStream).events(events.clone());
            let store = store.clone();
            async move {
                turns(writer % 3).await;
                store.append(append).await.expect("a repeated append succeeds")
            }
        });
        let receipts = together(writers).await;
        let first = receipts.iter().filter(|receipt| !receipt.replayed);
        assert_eq!(first.count(), 1, "exactly one of them is no replay");
        for receipt in &receipts {
            assert_eq!(receipt.clone().as_replay(), receipts[0].clone().as_replay());
        }
        assert_eq!(read(&store, Read::stream(stream(&key))).await.len(), 3);
    }
}

/// Writers that each append everything twice, beside each other: nothing is doubled.
pub async fn retries_under_load_double_nothing(store: Store) {
    let writers = (0..8).map(|_| {
        let store = store.clone();
        async move {
            for _ in 0..10 {
                let events = many(2);
                let first = put(&store, "a", events.clone()).await;
                turns(1).await;
                let again = put(&store, "a", events).await;
                assert_eq!(again, first.as_replay());
            }
        }
    });
    together(writers).await;
    assert_eq!(read(&store, Read::stream(stream("a"))).await.len(), 160);
}

/// Checks that the append is answered by `first` again and writes nothing.
async fn expect_replay(store: &Store, append: Append, first: &Receipt) {
    let before = all(store).await;
    let again = match store.append(append).await {
        Ok(receipt) => receipt,
        Err(error) => panic!("a repeated append failed: {error}"),
    };
    assert!(!first.replayed, "the first receipt is no replay");
    assert_eq!(again, first.clone().as_replay());
    expect_log(store, &before).await;
}
