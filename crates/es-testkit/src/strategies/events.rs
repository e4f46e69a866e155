//! Events on their way to the log.

use es_core::{EventId, NewEvent, Schema, Timestamp};
use proptest::{
    num, prop_oneof,
    sample::select,
    strategy::{BoxedStrategy, Just, Strategy},
};
use uuid::Uuid;

use super::{metadata, names::event_type, payload, tags};

/// An event, encoded. Each has an id of its own, which shrinking leaves as it is: a history
/// must not come to have the same id twice.
pub fn new_event() -> BoxedStrategy<NewEvent> {
    let id = num::u128::ANY.no_shrink().prop_map(|id| EventId::from_uuid(Uuid::from_u128(id)));
    (id, schema(), payload(), metadata(), tags())
        .prop_map(|(id, schema, payload, metadata, tags)| {
            NewEvent::raw(schema, payload).with_id(id).with_metadata(metadata).with_tags(tags)
        })
        .boxed()
}

/// Any event id: of version 4, of version 7, and any other bits, none and all among them.
pub fn event_id() -> BoxedStrategy<EventId> {
    let id = prop_oneof![
        4 => num::u128::ANY.prop_map(|bits| {
            uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
        }),
        4 => num::u128::ANY.prop_map(|bits| {
            uuid::Builder::from_random_bytes(bits.to_be_bytes())
                .with_version(uuid::Version::SortRand)
                .into_uuid()
        }),
        2 => num::u128::ANY.prop_map(Uuid::from_u128),
        1 => Just(Uuid::nil()),
        1 => Just(Uuid::max()),
    ];
    id.prop_map(EventId::from_uuid).boxed()
}

/// The wire form of an event: a type, and a version of its payload's shape.
pub fn schema() -> BoxedStrategy<Schema> {
    let version =
        prop_oneof![6 => 1_u32..4, 1 => Just(i32::MAX.unsigned_abs()), 1 => Just(u32::MAX)];
    (event_type(), version).prop_map(|(name, version)| Schema::new(name, version)).boxed()
}

/// A moment: around now, around the epoch, and at both ends of time.
pub fn timestamp() -> BoxedStrategy<Timestamp> {
    prop_oneof![
        4 => (1_600_000_000_000_000_i64..1_900_000_000_000_000).prop_map(Timestamp::from_micros),
        2 => (-1_000_i64..1_000).prop_map(Timestamp::from_micros),
        1 => select(&[i64::MIN, i64::MAX]).prop_map(Timestamp::from_micros),
    ]
    .boxed()
}
