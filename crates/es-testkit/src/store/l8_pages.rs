//! L8: a read is a stream in bounded memory, as of some moment; it ends, and whoever drops
//! it in the midst disturbs nobody.

use es_core::{EventId, EventStream, NewEvent, Payload, Read, Recorded, Store};
use futures_util::StreamExt;

use crate::sample::{all, category, ids, many, newest_first, put, read, schema, stream, tag};

const LARGE: usize = 5_000;
const BATCH: usize = 500;

/// A stream of 5,000 events of 1 KiB comes complete and in order, forward and backward,
/// and a read of everything or of its category likewise.
pub async fn a_large_stream_comes_complete_in_both_directions(store: Store) {
    let written = write_large(&store).await;
    for wanted in [
        Read::stream(stream("large")),
        Read::category(category("account")),
        Read::all(),
        Read::all().tagged(tag("kind", "large")),
    ] {
        let forward = store.read(wanted.clone());
        assert_eq!(stream_ids(forward).await, written, "{wanted:?}");
        let backward = store.read(wanted.clone().backward());
        assert_eq!(stream_ids(backward).await, newest_first(&written), "backward: {wanted:?}");
    }
}

/// It comes in pages that are smaller than the whole, so that memory stays bounded: no
/// page holds half of it.
pub async fn a_large_stream_comes_in_bounded_pages(store: Store) {
    let written = write_large(&store).await;
    for wanted in
        [Read::stream(stream("large")), Read::stream(stream("large")).backward(), Read::all()]
    {
        let mut pages = store.backend().read(wanted.clone());
        let mut sizes = Vec::new();
        while let Some(page) = pages.next().await {
            sizes.push(page.unwrap().len());
        }
        assert_eq!(sizes.iter().sum::<usize>(), written.len());
        let largest = sizes.iter().max().copied().unwrap_or_default();
        assert!(largest <= LARGE / 2, "a page of {largest} events: {wanted:?}");
    }
}

/// A limit and a bound hold across the borders of pages.
pub async fn bounds_hold_across_pages(store: Store) {
    let written = write_large(&store).await;
    let most = LARGE - 7;
    let found = store.read(Read::stream(stream("large")).limit(most as u64));
    assert_eq!(stream_ids(found).await, written[..most]);
    let found = store.read(Read::all().backward().limit(most as u64));
    assert_eq!(stream_ids(found).await, newest_first(&written[LARGE - most..]));
    let third = store.find(written[2]).await.unwrap().unwrap().position;
    let found = store.read(Read::all().after(third));
    assert_eq!(stream_ids(found).await, written[3..]);
}

/// A read is as of some moment: it ends although the log grows as fast as it is read, and
/// what it yields is the log up to there, without a gap.
pub async fn a_read_ends_although_writers_keep_writing(store: Store) {
    write_large(&store).await;
    let mut reading = store.read(Read::all());
    let mut seen = Vec::new();
    while let Some(event) = reading.next().await {
        seen.push(event.unwrap().id);
        if seen.len().is_multiple_of(BATCH) {
            put(&store, "growing", many(BATCH)).await;
        }
        assert!(seen.len() <= 3 * LARGE, "the read does not end");
    }
    let log = ids(&all(&store).await);
    assert!(seen.len() >= LARGE, "the read ended early");
    assert_eq!(seen, log[..seen.len()]);
}

/// The same backward, where the moment is the first event's: nothing newer is yielded.
pub async fn a_backward_read_is_as_of_its_first_event(store: Store) {
    put(&store, "a", many(BATCH)).await;
    let before = all(&store).await;
    let mut reading = store.read(Read::all().backward());
    let mut seen = Vec::new();
    while let Some(event) = reading.next().await {
        seen.push(event.unwrap());
        if seen.len().is_multiple_of(BATCH / 5) {
            put(&store, "growing", many(10)).await;
        }
    }
    assert_eq!(ids(&seen), ids(&newest_first(&before)));
}

/// Reads that are dropped after their first event hold nothing back: neither a connection
/// nor a lock that others wait for.
pub async fn a_dropped_read_disturbs_nobody(store: Store) {
    put(&store, "a", many(BATCH)).await;
    let mut expected = BATCH;
    for round in 0..64 {
        let mut reading = store.read(Read::all());
        assert!(reading.next().await.unwrap().is_ok());
        if round % 8 == 0 {
            put(&store, "a", many(1)).await; // while it is open
            expected += 1;
        }
        drop(reading);
    }
    put(&store, "a", many(1)).await;
    assert_eq!(all(&store).await.len(), expected + 1);
}

/// A read that is never polled costs nothing, and one that was polled to its end stays at
/// its end.
pub async fn a_read_that_has_ended_stays_at_its_end(store: Store) {
    put(&store, "a", many(2)).await;
    drop(store.read(Read::all()));
    let mut reading = store.read(Read::all());
    for _ in 0..2 {
        assert!(reading.next().await.unwrap().is_ok());
    }
    assert!(reading.next().await.is_none());
    put(&store, "a", many(1)).await;
    assert!(reading.next().await.is_none(), "it goes on after its end");
    assert_eq!(read(&store, Read::all()).await.len(), 3);
}

/// Appends the large stream and gives the ids of its events.
async fn write_large(store: &Store) -> Vec<EventId> {
    let text = "x".repeat(1_000);
    let mut written = Vec::with_capacity(LARGE);
    for batch in 0..LARGE / BATCH {
        let events: Vec<_> = (0..BATCH)
            .map(|n| {
                let payload = Payload::json(&(batch * BATCH + n, &text)).unwrap();
                NewEvent::raw(schema("noted", 1), payload).with_tag(tag("kind", "large"))
            })
            .collect();
        written.extend(events.iter().map(|event| event.id));
        put(store, "large", events).await;
    }
    written
}

async fn stream_ids(mut events: EventStream) -> Vec<EventId> {
    let mut ids = Vec::new();
    let mut before: Option<Recorded> = None;
    while let Some(event) = events.next().await {
        let event = event.unwrap();
        if let Some(before) = &before {
            assert_ne!(before.position, event.position, "the same position twice");
        }
        ids.push(event.id);
        before = Some(event);
    }
    ids
}
