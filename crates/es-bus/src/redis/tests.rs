//! Partitions stay where they are, and an event survives its way through the fields.

use std::collections::HashMap;

use es_core::{
    Envelope, Metadata, NewEvent, Part, Payload, Position, Recorded, Schema, StreamId, Tag, Tenant,
    Timestamp, Version,
};

use super::{
    keys::{Keys, partition_of},
    message::{Entry, Fields, Written, encode, place_of},
    page::Page,
};

fn event() -> Envelope {
    let stream = StreamId::new("order", "a/b @ ü").unwrap().with_tenant(Tenant::new("t").unwrap());
    let metadata = Metadata::new()
        .with_trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Some("k=v"))
        .with_actor("alice")
        .with_extra("n", 1);
    let new = NewEvent::raw(Schema::from_static("order.placed", 3), Payload::json(&[1]).unwrap())
        .with_metadata(metadata)
        .with_tag(Tag::new("customer", "c7").unwrap());
    let version = Version::new(7).unwrap();
    Envelope::record(new, stream, version, Position::new(42), Timestamp::now())
}

fn encoded(event: &Recorded, is_history: bool) -> Fields {
    encode(event, is_history, &mut Written::default()).unwrap()
}

fn there_and_back(event: &Recorded) -> Recorded {
    Entry { id: "42-0".into(), fields: encoded(event, false) }.event().unwrap()
}

#[test]
fn an_event_comes_back_as_it_was() {
    let whole = Recorded::from(event());
    assert_eq!(there_and_back(&whole), whole);
    assert_eq!(place_of(&whole), "42-0");
    let mut split = event();
    split.part = Part::Split { index: 2, of: 3, last: true };
    let split = Recorded::from(split);
    assert_eq!(there_and_back(&split), split);
    assert_eq!(place_of(&split), "42-2");
}

#[test]
fn history_is_marked_and_changes_nothing_else() {
    let whole = Recorded::from(event());
    let entry = |is_history| Entry { id: "42-0".into(), fields: encoded(&whole, is_history) };
    assert!(entry(true).is_history() && !entry(false).is_history());
    assert_eq!(entry(true).event().unwrap(), whole);
}

#[test]
fn a_field_that_is_missing_or_spoilt_is_named() {
    let whole = encoded(&event().into(), false);
    for at in 0..whole.len() {
        let name = String::from_utf8(whole[at].0.to_vec()).unwrap();
        if name == "tags" {
            continue;
        }
        let mut fields = whole.clone();
        fields.remove(at);
        let error = Entry { id: "42-0".into(), fields }.event().unwrap_err();
        assert!(error.to_string().contains(&name), "{error} does not name {name}");
    }
}

#[test]
fn the_partition_of_a_stream_never_changes() {
    // Written down, so that a change of the hash is noticed: it would break the order.
    let found =
        ["order/a", "order/b", "t@order/a", ""].map(|stream| partition_of(stream.as_bytes(), 16));
    assert_eq!(found, FOUND);
    let mut counts: HashMap<usize, usize> = HashMap::new();
    for number in 0..1_000 {
        *counts.entry(partition_of(format!("order/{number}").as_bytes(), 16)).or_default() += 1;
    }
    assert_eq!(counts.len(), 16);
    assert!(counts.values().all(|count| (30..100).contains(count)), "{counts:?}");
}

const FOUND: [usize; 4] = [4, 1, 4, 1];

#[test]
fn names_cannot_move_the_hash_tag() {
    for (namespace, topic) in [("a{", "b"), ("a", "b}"), ("", "b"), ("a", ""), ("a:b", "c")] {
        assert!(Keys::new(namespace, topic).is_err(), "{namespace} {topic}");
    }
    assert!(Keys::new("a", &"t".repeat(65)).is_err());
    assert_eq!(Keys::new("a", "b").unwrap().meta(), "{a:b}:meta");
}

#[test]
fn a_page_is_as_large_as_those_before_it_say() {
    let entries = |count: usize, bytes: usize| -> Vec<Entry> {
        let fields: Fields = vec![("payload".into(), vec![0; bytes].into())];
        vec![Entry { id: "1-0".to_owned(), fields }; count]
    };
    let mut page = Page::first();
    let mut sizes = vec![page.size()];
    for (count, bytes) in [(16, 100), (64, 100), (128, 100_000), (41, 2 << 20), (2, 100), (0, 0)] {
        page.came(&entries(count, bytes));
        sizes.push(page.size());
    }
    assert_eq!(sizes, [16, 64, 128, 41, 1, 4, 4]);
    for size in [1, 1] {
        page.failed();
        assert_eq!(page.size(), size);
    }
    page.came(&entries(1, 64 << 20));
    assert_eq!(page.size(), 1, "one is the least");
}
