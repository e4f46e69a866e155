//! L2, at rest: versions have no holes, positions grow, and the two agree.
//!
//! What readers meet while others write is in [`l2_no_skip`](super::l2_no_skip).

use std::collections::HashMap;

use es_core::{ExpectedVersion, Position, Read, Store, StreamId};

use crate::{
    declined::{Need, declines},
    sample::{all, ids, many, put, read, stream, to, version, versions},
    tasks::{together, turns},
};

/// Versions of a stream are 1, 2, 3 …, whatever the sizes of its appends.
pub async fn versions_run_from_one_without_holes(store: Store) {
    for count in [1, 3, 2] {
        put(&store, "a", many(count)).await;
        put(&store, "b", many(1)).await;
    }
    let a = read(&store, Read::stream(stream("a"))).await;
    let b = read(&store, Read::stream(stream("b"))).await;
    assert_eq!(versions(&a), [1, 2, 3, 4, 5, 6]);
    assert_eq!(versions(&b), [1, 2, 3]);
    assert_eq!(store.version(&stream("a")).await.unwrap(), Some(version(6)));
}

/// A refused append leaves no hole in the versions.
pub async fn a_refused_append_leaves_no_hole(store: Store) {
    put(&store, "a", many(1)).await;
    let refused = to("a", ExpectedVersion::NoStream).events(many(5));
    store.append(refused).await.unwrap_err();
    put(&store, "a", many(1)).await;
    let events = read(&store, Read::stream(stream("a"))).await;
    assert_eq!(versions(&events), [1, 2]);
}

/// Positions start behind [`Position::START`] and grow strictly over the log.
pub async fn positions_grow_strictly(store: Store) {
    for key in ["a", "b", "a", "c", "b"] {
        put(&store, key, many(2)).await;
    }
    let mut before = Position::START;
    for event in all(&store).await {
        assert!(event.position > before, "{} after {before}", event.position);
        before = event.position;
    }
}

/// An append that begins after another was acknowledged gets higher positions.
pub async fn a_later_append_has_later_positions(store: Store) {
    let writers = (0..8).map(|writer| {
        let store = store.clone();
        async move {
            let mut last = Position::START;
            for _ in 0..10 {
                let receipt = put(&store, &format!("w{writer}"), many(2)).await;
                assert!(receipt.first > last, "{} after {last}", receipt.first);
                assert!(receipt.first < receipt.last);
                last = receipt.last;
                turns(1).await;
            }
        }
    });
    together(writers).await;
}

/// Within a stream, version order and position order are one, also under concurrent
/// writers; and no version has a hole then.
pub async fn versions_and_positions_agree(store: Store) {
    let writers = (0..8).map(|writer| {
        let store = store.clone();
        async move {
            for n in 0..10 {
                let key = format!("s{}", (writer + n) % 3);
                put(&store, &key, many(1 + n % 3)).await;
                turns(1).await;
            }
        }
    });
    together(writers).await;
    let mut last: HashMap<StreamId, u64> = HashMap::new();
    for event in all(&store).await {
        let last = last.entry(event.stream.clone()).or_default();
        assert_eq!(event.version.get(), *last + 1, "in {}", event.stream);
        *last += 1;
    }
}

/// The events of one append lie in the log in the order in which they were given.
pub async fn events_of_one_append_stay_in_order(store: Store) {
    let events = many(50);
    let wanted: Vec<_> = events.iter().map(|event| event.id).collect();
    put(&store, "a", events).await;
    assert_eq!(ids(&all(&store).await), wanted);
}

/// So do the events of several streams: the streams in the order of the append.
pub async fn streams_of_one_append_stay_in_order(store: Store) {
    if declines(&store, Need::MultiStream) {
        return;
    }
    let parts: Vec<_> = ["z", "a", "m"].map(|key| (key, many(3))).into();
    let wanted: Vec<_> =
        parts.iter().flat_map(|(_, events)| events.iter().map(|event| event.id)).collect();
    let mut parts = parts.into_iter();
    let (key, events) = parts.next().unwrap();
    let mut append = to(key, ExpectedVersion::NoStream).events(events);
    for (key, events) in parts {
        append = append.and(stream(key), ExpectedVersion::NoStream).events(events);
    }
    let receipt = store.append(append).await.unwrap();
    assert_eq!(ids(&all(&store).await), wanted);
    let written: Vec<_> = receipt.versions.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(written, [stream("z"), stream("a"), stream("m")]);
}

/// The receipt says where the events are: log, first and last position, versions, time.
pub async fn the_receipt_agrees_with_the_log(store: Store) {
    put(&store, "a", many(2)).await;
    let receipt = put(&store, "a", many(3)).await;
    let written = &all(&store).await[2..];
    assert_eq!(receipt.first, written[0].position);
    assert_eq!(receipt.last, written[2].position);
    assert_eq!(receipt.versions, [(stream("a"), version(5))]);
    assert!(written.iter().all(|e| e.recorded_at == receipt.recorded_at));
    assert!(!receipt.replayed);
    assert_eq!(receipt.log, store.head().await.unwrap().log);
}

/// The head of an empty log is [`Position::START`]; then it is the last event's position.
pub async fn the_head_is_the_last_position(store: Store) {
    let empty = store.head().await.unwrap();
    assert_eq!(empty.position, Position::START);
    for key in ["a", "b", "a"] {
        let receipt = put(&store, key, many(2)).await;
        let head = store.head().await.unwrap();
        assert_eq!(head.position, receipt.last);
        assert_eq!(head.log, empty.log, "the log keeps its identity");
    }
}
