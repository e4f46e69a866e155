//! Any log and any read, against a model that upcasts everything and then selects.

use proptest::prelude::*;
use serde_json::json;

use super::script::{Script, stream, upcasters};
use crate::{
    Direction, Envelope, EventType, Part, Position, Query, Read, Recorded, Selection, Tag, Version,
};

const FORMS: [(&str, u32); 11] = [
    ("founded", 1),
    ("created", 1),
    ("created", 9),
    ("opened", 1),
    ("opened", 2),
    ("deposited", 1),
    ("deposited", 3),
    ("moved", 1),
    ("viewed", 1),
    ("audited", 4),
    ("spoilt", 2),
];

/// An event of a log: its form, how it is split, its stream, its tag.
type Written = (usize, String, &'static str, u8);

fn written() -> impl Strategy<Value = Vec<Written>> {
    let event = (0..FORMS.len(), "[wdov]{0,4}", prop::sample::select(vec!["a", "b"]), 0..3_u8);
    prop::collection::vec(event, 0..25)
}

fn tag(number: u8) -> Tag {
    Tag::new("n", number).unwrap()
}

fn query() -> impl Strategy<Value = Query> {
    let name = prop::sample::select(vec!["opened", "deposited", "withdrawn", "created", "viewed"]);
    let types = prop::option::of(prop::collection::vec(name, 0..3));
    let item = (types, prop::option::of(0..3_u8)).prop_map(|(types, number)| {
        let query = number.map_or(Query::any(), |number| Query::tagged(tag(number)));
        match types {
            Some(types) => query.of_types(types.into_iter().map(EventType::from_static)),
            None => query,
        }
    });
    prop::collection::vec(item, 1..3)
        .prop_map(|items| items.into_iter().reduce(Query::or).unwrap_or_else(Query::any))
}

fn read() -> impl Strategy<Value = Read> {
    let bounds = (
        prop::option::of(0..20_u64),
        prop::option::of(5..25_u64),
        prop::option::of(0..12_u64),
        prop::option::of(1..6_u64),
    );
    (query(), any::<bool>(), any::<bool>(), bounds).prop_map(
        |(query, one_stream, backward, (after, until, limit, from))| {
            let mut read = if one_stream { Read::stream(stream("a")) } else { Read::all() };
            if backward {
                read = read.backward();
            }
            read.after = after.map(Position::new);
            read.until = until.map(Position::new);
            read.limit = limit;
            read.from_version =
                from.filter(|_| one_stream).map(|number| Version::new(number).unwrap());
            read.matching(query)
        },
    )
}

/// What the read must yield.
fn model(log: &[Recorded], read: &Read) -> Vec<Envelope> {
    let upcasters = upcasters();
    let mut every_type = read.clone().matching(Query::any());
    every_type.limit = None;
    let named = matches!(read.selection, Selection::Stream(_));
    let mut all: Vec<Vec<Envelope>> = Vec::new();
    for recorded in log.iter().filter(|recorded| every_type.covers(recorded)) {
        let newest = upcasters.upcast(&recorded.schema, &recorded.payload).unwrap();
        let of = u16::try_from(newest.len()).unwrap();
        let mut parts = Vec::new();
        for (index, (schema, payload)) in (0..of).zip(newest) {
            if read.query.matches(&schema, &recorded.tags) {
                let part =
                    if of == 1 { Part::Whole } else { Part::Split { index, of, last: false } };
                parts.push(Envelope { schema, payload, part, ..(**recorded).clone() });
            }
        }
        let untyped = read.query.items().iter().any(|item| {
            item.types.is_empty() && item.tags.iter().all(|tag| recorded.tags.contains(tag))
        });
        if of == 0 && named && untyped {
            parts.push(Envelope { part: Part::Dropped, ..(**recorded).clone() });
        }
        if read.direction == Direction::Backward {
            parts.reverse();
        }
        if let Some(Envelope { part: Part::Split { last, .. }, .. }) = parts.last_mut() {
            *last = true;
        }
        all.push(parts);
    }
    if read.direction == Direction::Backward {
        all.reverse();
    }
    let mut left = read.limit.unwrap_or(u64::MAX);
    let mut yielded = Vec::new();
    for envelope in all.into_iter().flatten() {
        if left == 0 {
            break;
        }
        left -= u64::from(!envelope.part.is_dropped());
        yielded.push(envelope);
    }
    yielded
}

proptest! {
    #[test]
    fn a_read_yields_what_the_model_says(
        written in written(), read in read(), page in 1..6_usize,
    ) {
        let script = Script::new(page);
        for (form, parts, key, number) in written {
            let (name, version) = FORMS[form];
            let payload = if name == "moved" { json!(parts) } else { json!({}) };
            script.put(key, (name, version).into(), &payload, &[tag(number)]);
        }
        let expected = model(&script.events(), &read);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let yielded = runtime.block_on(script.upcast().read(read).into_vec()).unwrap();
        let yielded: Vec<Envelope> = yielded.iter().map(|event| (**event).clone()).collect();
        prop_assert_eq!(yielded, expected);
    }
}
