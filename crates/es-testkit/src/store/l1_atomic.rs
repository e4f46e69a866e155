//! L1: all events of one append, over all of its streams, become visible together or not
//! at all.

use es_core::{ErrorKind, ExpectedVersion, NewEvent, Position, Read, Recorded, Store};

use crate::{
    declined::{Need, declines},
    sample::{all, event, ids, many, put, read, refused, stream, tag, to, versions},
    tasks::{Flag, beside, turns},
};

/// An append to three streams: all of its events are there, each in its own stream.
pub async fn several_streams_appear_together(store: Store) {
    if declines(&store, Need::MultiStream) {
        return;
    }
    let (a, b, c) = (many(2), many(1), many(3));
    let wanted: Vec<_> = a.iter().chain(&b).chain(&c).map(|event| event.id).collect();
    let append = to("a", ExpectedVersion::NoStream)
        .events(a)
        .and(stream("b"), ExpectedVersion::NoStream)
        .events(b)
        .and(stream("c"), ExpectedVersion::Any)
        .events(c);
    store.append(append).await.unwrap();
    assert_eq!(ids(&all(&store).await), wanted);
    for (key, count) in [("a", 2), ("b", 1), ("c", 3)] {
        let events = read(&store, Read::stream(stream(key))).await;
        assert_eq!(events.len(), count, "stream {key}");
    }
}

/// A conflict in the last of three streams leaves nothing in the first two.
pub async fn a_failed_append_leaves_nothing_in_any_of_its_streams(store: Store) {
    if declines(&store, Need::MultiStream) {
        return;
    }
    put(&store, "b", many(1)).await;
    let append = to("a", ExpectedVersion::NoStream)
        .events(many(3))
        .and(stream("b"), ExpectedVersion::Exists)
        .events(many(3))
        .and(stream("c"), ExpectedVersion::Exists)
        .events(many(3));
    refused(&store, append, ErrorKind::Conflict).await;
    assert_eq!(store.version(&stream("a")).await.unwrap(), None);
}

/// A conflict leaves none of an append's many events, and the next append finds no trace.
pub async fn a_failed_append_of_many_events_leaves_nothing(store: Store) {
    put(&store, "a", many(1)).await;
    let append = to("a", ExpectedVersion::NoStream).events(many(100));
    refused(&store, append, ErrorKind::Conflict).await;
    put(&store, "a", many(1)).await;
    let events = read(&store, Read::stream(stream("a"))).await;
    assert_eq!(versions(&events), [1, 2]);
}

/// Whoever reads while others append sees every append whole, however far they are.
pub async fn a_concurrent_reader_never_sees_part_of_an_append(store: Store) {
    let written = Flag::default();
    let readers = (0..2).map(|_| {
        let (store, written) = (store.clone(), written.clone());
        async move {
            while !written.is_set() {
                expect_whole_appends(&all(&store).await);
                turns(1).await;
            }
        }
    });
    beside(&written, writers(&store), readers).await;
    let log = all(&store).await;
    assert_eq!(log.len(), WRITERS * APPENDS * EVENTS);
    expect_whole_appends(&log);
}

/// The head is never in the midst of an append: what lies up to it is whole.
pub async fn the_head_is_the_end_of_an_append(store: Store) {
    let written = Flag::default();
    let readers = (0..2).map(|_| {
        let (store, written) = (store.clone(), written.clone());
        async move {
            while !written.is_set() {
                let head = store.head().await.unwrap();
                let seen = read(&store, Read::all().until(head.position)).await;
                expect_whole_appends(&seen);
                turns(1).await;
            }
        }
    });
    beside(&written, writers(&store), readers).await;
}

/// A reader that takes up where it left off finds whole appends as well.
pub async fn a_resuming_reader_never_sees_part_of_an_append(store: Store) {
    let written = Flag::default();
    let reader = {
        let (store, written) = (store.clone(), written.clone());
        async move {
            let mut after = Position::START;
            let mut count = 0;
            loop {
                let last_look = written.is_set();
                let page = read(&store, Read::all().after(after)).await;
                expect_whole_appends(&page);
                count += page.len();
                after = page.last().map_or(after, |event| event.position);
                if last_look {
                    return count;
                }
                turns(1).await;
            }
        }
    };
    let seen = beside(&written, writers(&store), [reader]).await;
    assert_eq!(seen, [WRITERS * APPENDS * EVENTS]);
}

const WRITERS: usize = 4;
const APPENDS: usize = 20;
const EVENTS: usize = 6;

/// Writers of appends of [`EVENTS`] events each, over two streams where the store can.
fn writers(store: &Store) -> impl Iterator<Item = impl Future<Output = ()> + Send + use<>> {
    let several = store.capabilities().multi_stream;
    let store = store.clone();
    (0..WRITERS).map(move |writer| {
        let store = store.clone();
        async move {
            for append in 0..APPENDS {
                let mut events = marked(writer * APPENDS + append);
                let append = if several {
                    let rest = events.split_off(EVENTS / 2);
                    to("shared", ExpectedVersion::Any)
                        .events(events)
                        .and(stream(&format!("own-{writer}")), ExpectedVersion::Any)
                        .events(rest)
                } else {
                    to("shared", ExpectedVersion::Any).events(events)
                };
                store.append(append).await.unwrap();
                turns(1).await;
            }
        }
    })
}

/// The events of one append, tagged with its number.
fn marked(append: usize) -> Vec<NewEvent> {
    (0..EVENTS).map(|_| event("noted").with_tag(tag("append", append))).collect()
}

/// Checks that appends lie one behind the other, none of them cut off.
fn expect_whole_appends(events: &[Recorded]) {
    for append in events.chunks(EVENTS) {
        assert!(
            append.len() == EVENTS && append.iter().all(|event| event.tags == append[0].tags),
            "part of an append is visible: {:?}",
            append.iter().map(|event| &event.tags).collect::<Vec<_>>()
        );
    }
}
