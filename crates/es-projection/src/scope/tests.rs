//! What a read for several scopes yields: at least what each of them covers.

use es_core::{
    Category, Envelope, EventType, NewEvent, Payload, Position, Query, Recorded, Schema, StreamId,
    Tag, Tenant, Timestamp, Version,
};

use super::Scope;

fn envelope(stream: &str, name: &'static str, tag: Option<&str>) -> Recorded {
    let mut event = NewEvent::raw(Schema::from_static(name, 1), Payload::json(&1).unwrap());
    if let Some(tag) = tag {
        event = event.with_tag(Tag::new("customer", tag).unwrap());
    }
    let stream: StreamId = stream.parse().unwrap();
    let version = Version::FIRST;
    Envelope::record(event, stream, version, Position::new(1), Timestamp::EPOCH).into()
}

fn of_types(names: &[&'static str]) -> Scope {
    let names = names.iter().map(|name| EventType::from_static(name));
    Scope::matching(Query::any().of_types(names))
}

#[test]
fn a_read_for_several_scopes_covers_what_any_of_them_covers() {
    let tenant = Tenant::new("acme").unwrap();
    let scopes = [
        of_types(&["paid"]),
        of_types(&["placed"]).in_category(Category::from_static("order")),
        Scope::category(Category::from_static("account")),
        Scope::matching(Query::tagged(Tag::new("customer", "c1").unwrap())),
        of_types(&["paid"]).all_tenants(),
        of_types(&["paid"]).tenant(tenant),
    ];
    let events = [
        envelope("order/1", "paid", None),
        envelope("order/1", "placed", None),
        envelope("basket/1", "placed", None),
        envelope("account/1", "opened", None),
        envelope("basket/1", "emptied", Some("c1")),
        envelope("acme@order/1", "paid", None),
        envelope("other@order/1", "paid", None),
    ];
    for first in &scopes {
        for second in &scopes {
            let read = Scope::read_for_all([first, second]);
            for event in &events {
                let wanted = first.covers(event) || second.covers(event);
                assert!(!wanted || read.covers(event), "{first:?} {second:?} {event:?}");
            }
        }
        let read = Scope::read_for_all([first]);
        for event in &events {
            assert_eq!(first.covers(event), read.covers(event), "alone it is exact: {first:?}");
        }
    }
    let counts: Vec<_> =
        scopes.iter().map(|s| events.iter().filter(|e| s.covers(e)).count()).collect();
    assert_eq!(counts, [1, 1, 1, 1, 3, 1], "each scope covers something and not everything");
}

#[test]
fn a_query_that_grows_too_long_asks_for_everything() {
    let many: Vec<Scope> = (0..200)
        .map(|n| {
            let name = EventType::new(format!("type-{n}")).unwrap();
            Scope::matching(Query::any().of_types([name]))
        })
        .collect();
    let read = Scope::read_for_all(&many);
    assert!(read.query.is_any());
}

#[test]
fn a_scope_of_many_names_asks_for_one_event_in_parts() {
    let names: Vec<EventType> =
        (0..300).map(|number| EventType::new(format!("name.{number}")).unwrap()).collect();
    let tag = Tag::new("customer", "c1").unwrap();
    let mut query = Query::any().of_types(names.clone()).and_tagged(tag.clone());
    for name in ["a", "b", "c"] {
        query = query.or(Query::any().of_types([EventType::from_static(name)]));
    }
    let scope = Scope::matching(query.clone());
    let reads = scope.reads_of_event(es_core::EventId::new());
    assert_eq!(reads.len(), 3, "127 names and a tag; as many; the rest");
    for (name, tag) in [
        ("name.0", None),
        ("name.0", Some("c1")),
        ("name.299", Some("c1")),
        ("b", None),
        ("d", Some("c1")),
        ("name.7", Some("c2")),
    ] {
        let event = envelope("order/1", name, tag);
        let is_asked = reads.iter().any(|read| read.query.matches(&event.schema, &event.tags));
        assert_eq!(is_asked, query.matches(&event.schema, &event.tags), "{name} {tag:?}");
    }
    assert_eq!(Scope::matching(Query::any()).reads_of_event(es_core::EventId::new()).len(), 1);
}
