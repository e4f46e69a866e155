//! What the log finds again: events over the edges of chunks, ids, and spans of appends.

use std::{collections::BTreeSet, sync::Arc};

use es_core::{Envelope, EventId, Position, StreamId, Timestamp, Version};

use super::{CHUNK, EventIds, IdHasher, Log, Starts};
use crate::sample::event;

#[test]
fn events_and_ids_are_found_over_the_edges_of_chunks() {
    let (log, mut ids, hasher) = (Log::new(), EventIds::new(), IdHasher::new());
    let stream = StreamId::new("a", "1").unwrap();
    let count = u32::try_from(2 * CHUNK + 1).unwrap();
    for position in 1..=count {
        assert!(log.get(position).is_none());
        let (at, time) = (Position::new(position.into()), Timestamp::EPOCH);
        let envelope = Envelope::record(event("x", 0), stream.clone(), Version::FIRST, at, time);
        ids.insert(hasher.hash(envelope.id), position);
        log.push(Arc::new(envelope));
    }
    assert!(log.get(0).is_none() && log.get(count + 1).is_none());
    for position in 1..=count {
        let envelope = log.get(position).unwrap();
        assert_eq!(envelope.position.get(), u64::from(position));
        assert_eq!(ids.find(hasher.hash(envelope.id), &log), Some(position));
    }
    assert_eq!(ids.find(hasher.hash(EventId::new()), &log), None);
}

#[test]
fn the_span_of_an_append_is_found_from_each_of_its_events() {
    let mut random = fastrand::Rng::with_seed(3);
    let (mut starts, mut begun, mut head) = (Starts::new(), BTreeSet::new(), 0);
    while head < 70_000 {
        starts.insert(head + 1);
        begun.insert(head + 1);
        head += random.choice([1, 2, 63, 64, 65, 1_000]).unwrap();
        if random.u8(0..20) == 0 {
            for position in (head.saturating_sub(1_200)..=head).filter(|position| *position > 0) {
                let first = *begun.range(..=position).next_back().unwrap();
                let last = begun.range(position + 1..).next().map_or(head, |next| next - 1);
                assert_eq!(starts.span(position, head), first..=last);
            }
        }
    }
}
