//! What is covered, and what a read for several must yield.

use es_core::{
    Category, Envelope, EventType, NewEvent, Payload, Position, Query, Read, Schema, StreamId, Tag,
    Tenant, TenantScope, Timestamp, Version,
};

use super::Interest;

fn event(tenant: Option<&str>, category: &str, name: &'static str) -> Envelope {
    let mut stream = StreamId::new(category, "1").unwrap();
    if let Some(tenant) = tenant {
        stream = stream.with_tenant(Tenant::new(tenant).unwrap());
    }
    let new = NewEvent::raw(Schema::from_static(name, 1), Payload::json(&1).unwrap())
        .with_tag(Tag::new("of", name).unwrap());
    let version = Version::new(1).unwrap();
    Envelope::record(new, stream, version, Position::new(1), Timestamp::now())
}

fn order() -> Category {
    Category::from_static("order")
}

#[test]
fn category_type_and_tenant_must_all_agree() {
    let placed = || [EventType::from_static("placed")];
    let interest = Interest::types(placed()).in_category(order());
    assert!(interest.covers(&event(None, "order", "placed")));
    assert!(!interest.covers(&event(None, "order", "paid")));
    assert!(!interest.covers(&event(None, "cart", "placed")));
    assert!(!interest.covers(&event(Some("a"), "order", "placed")), "a tenant is asked for");
    assert!(interest.clone().all_tenants().covers(&event(Some("a"), "order", "placed")));
    let of_a = interest.tenant(Tenant::new("a").unwrap());
    assert!(of_a.covers(&event(Some("a"), "order", "placed")));
    assert!(!of_a.covers(&event(Some("b"), "order", "placed")));
    assert!(!of_a.covers(&event(None, "order", "placed")));
}

#[test]
fn only_an_interest_that_names_types_in_every_alternative_is_indexed_by_them() {
    let placed = EventType::from_static("placed");
    assert_eq!(Interest::types([placed.clone()]).named_types(), Some(vec![placed.clone()]));
    assert_eq!(Interest::everything().named_types(), None);
    assert_eq!(Interest::category(order()).named_types(), None);
    let by_tag = Query::tagged(Tag::new("of", "placed").unwrap());
    let either = Query::any().of_types([placed]).or(by_tag);
    assert_eq!(Interest::matching(either).named_types(), None);
}

#[test]
fn a_read_for_several_covers_what_any_of_them_does() {
    let interests = [
        Interest::category(order()),
        Interest::types([EventType::from_static("paid")]),
        Interest::everything().tenant(Tenant::new("a").unwrap()),
    ];
    let all: Vec<_> = interests.iter().collect();
    let events = [
        event(None, "order", "placed"),
        event(None, "cart", "paid"),
        event(Some("a"), "cart", "filled"),
        event(Some("b"), "cart", "filled"),
    ];
    let lists: [&[&Interest]; 4] = [&all[..1], &all[1..2], &all[2..], &all];
    for list in lists {
        let read: Read = Interest::read_for_all(list, None);
        for event in &events {
            let is_wanted = list.iter().any(|interest| interest.covers(event));
            assert!(!is_wanted || read.covers(event), "{read:?} leaves out {event:?}");
        }
    }
    let scoped = Interest::read_for_all(&all, Some(&Tenant::new("b").unwrap()));
    assert_eq!(scoped.tenants, TenantScope::One(Tenant::new("b").unwrap()));
}
