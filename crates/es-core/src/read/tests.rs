//! What a read covers, and what a scoped handle may read.

use super::*;
use crate::{
    Category, Envelope, Event, EventId, EventType, Invalid, NewEvent, Payload, Position, Query,
    Result, Schema, StreamId, Tag, Tenant, Timestamp, Version, limits,
};

fn stream(key: &str) -> StreamId {
    StreamId::new("account", key).unwrap()
}

fn tenant(name: &str) -> Tenant {
    Tenant::new(name).unwrap()
}

fn tag(value: u8) -> Tag {
    Tag::new("t", value).unwrap()
}

fn version(number: u64) -> Version {
    Version::new(number).unwrap()
}

/// Version 5 at position 50, recorded in second 500, with the tags 1 and 2.
fn envelope(stream: StreamId) -> Envelope {
    let event = NewEvent::raw(Schema::from_static("opened", 1), Payload::json(&1).unwrap());
    let event = event.with_tags([tag(1), tag(2)].into_iter().collect());
    let at = Timestamp::from_seconds(500);
    Envelope::record(event, stream, version(5), Position::new(50), at)
}

#[test]
fn bounds_cover_what_lies_between_them() {
    let event = envelope(stream("a"));
    let of_a = || Read::stream(stream("a"));
    let tick = std::time::Duration::from_micros(1);
    let (now, later) = (event.recorded_at, event.recorded_at.plus(tick));
    let earlier = Timestamp::from_micros(now.as_micros() - 1);
    for (read, covers) in [
        (of_a(), true),
        (of_a().after(Position::new(49)), true),
        (of_a().after(Position::new(50)), false),
        (of_a().until(Position::new(50)), true),
        (of_a().until(Position::new(49)), false),
        (of_a().from_version(version(5)), true),
        (of_a().from_version(version(6)), false),
        (of_a().to_version(version(5)), true),
        (of_a().to_version(version(4)), false),
        (of_a().recorded_since(now), true),
        (of_a().recorded_since(later), false),
        (of_a().recorded_until(now), true),
        (of_a().recorded_until(earlier), false),
        (of_a().backward().limit(0), true),
        (of_a().of_log(crate::LogId::generate()), true),
    ] {
        assert_eq!(read.covers(&event), covers, "{read:?}");
        let narrower = read.after(Position::new(50));
        assert!(!narrower.covers(&event), "every bound counts: {narrower:?}");
    }
}

#[test]
fn selections_cover_their_part_of_the_log() {
    let event = envelope(stream("a"));
    let other = EventId::new();
    for (read, covers) in [
        (Read::all(), true),
        (Read::category(Category::from_static("account")), true),
        (Read::category(Category::from_static("order")), false),
        (Read::stream(stream("a")), true),
        (Read::stream(stream("b")), false),
        (Read::stream(stream("a").with_tenant(tenant("acme"))), false),
        (Read::event(event.id), true),
        (Read::event(other), false),
    ] {
        assert_eq!(read.covers(&event), covers, "{read:?}");
    }
}

#[test]
fn tenants_are_kept_apart_unless_all_are_asked_for() {
    let own = envelope(stream("a"));
    let acme = envelope(stream("a").with_tenant(tenant("acme")));
    let umbrella = envelope(stream("a").with_tenant(tenant("umbrella")));
    let covered = |read: Read| [&own, &acme, &umbrella].map(|event| read.covers(event));
    for read in [Read::all(), Read::category(Category::from_static("account"))] {
        assert_eq!(covered(read.clone()), [true, false, false]);
        assert_eq!(covered(read.clone().tenant(tenant("acme"))), [false, true, false]);
        assert_eq!(covered(read.all_tenants()), [true, true, true]);
    }
    assert!(Read::event(acme.id).covers(&acme), "an id means its event, whoever's it is");
    let named = Read::stream(stream("a").with_tenant(tenant("acme")));
    assert_eq!(covered(named), [false, true, false], "a stream is named with its tenant");
}

struct Opened;

impl Event for Opened {
    const SCHEMAS: &'static [Schema] = &[Schema::from_static("opened", 9)];

    fn schema(&self) -> &'static Schema {
        &Self::SCHEMAS[0]
    }

    fn encode(&self) -> Result<Payload> {
        Payload::json(&())
    }

    fn decode(_: &Schema, _: &Payload) -> Result<Self> {
        Ok(Self)
    }
}

#[test]
fn filters_cover_types_and_tags() {
    let event = envelope(stream("a"));
    let (opened, closed) = (EventType::from_static("opened"), EventType::from_static("closed"));
    for (read, covers) in [
        (Read::all().of_types([opened.clone()]), true),
        (Read::all().of_types([closed.clone()]), false),
        (Read::all().of_types([closed.clone(), opened.clone()]), true),
        (Read::all().of_types([]), false),
        (Read::all().types::<Opened>(), true), // by name: the version is for decoding
        (Read::all().types::<Opened>().of_types([closed.clone()]), false),
        (Read::all().tagged(tag(1)), true),
        (Read::all().tagged(tag(1)).tagged(tag(2)), true),
        (Read::all().tagged(tag(1)).tagged(tag(3)), false),
        (Read::all().of_types([opened]).tagged(tag(3)), false),
        (Read::all().matching(Query::tagged(tag(3)).or(Query::tagged(tag(2)))), true),
        (Read::all().of_types([closed]).matching(Query::any()), true), // instead of before
    ] {
        assert_eq!(read.covers(&event), covers, "{read:?}");
    }
}

#[test]
fn a_scope_narrows_what_is_read() {
    let acme = tenant("acme");
    let scoped = |read: Read| read.scoped(Some(&acme)).unwrap();
    for read in [
        Read::all(),
        Read::all().tenant(acme.clone()),
        Read::category(Category::from_static("account")),
        Read::event(EventId::new()),
    ] {
        assert_eq!(scoped(read).tenants, TenantScope::One(acme.clone()));
    }
    let own = stream("a").with_tenant(acme.clone());
    for named in [stream("a"), own.clone()] {
        assert_eq!(scoped(Read::stream(named)).selection, Selection::Stream(own.clone()));
    }
}

#[test]
fn a_scope_refuses_what_belongs_to_others() {
    let acme = tenant("acme");
    for read in [
        Read::all().all_tenants(),
        Read::category(Category::from_static("account")).all_tenants(),
        Read::all().tenant(tenant("umbrella")),
        Read::event(EventId::new()).tenant(tenant("umbrella")),
    ] {
        let refused = read.scoped(Some(&acme)).unwrap_err();
        assert!(matches!(refused, Invalid::Read { .. }), "{refused}");
    }
    let theirs = stream("a").with_tenant(tenant("umbrella"));
    let refused = Read::stream(theirs).scoped(Some(&acme)).unwrap_err();
    assert!(matches!(refused, Invalid::TenantMismatch { .. }), "{refused}");
}

#[test]
fn without_a_scope_nothing_is_narrowed() {
    for read in [Read::all(), Read::all().all_tenants(), Read::all().tenant(tenant("acme"))] {
        let tenants = read.tenants.clone();
        assert_eq!(read.scoped(None).unwrap().tenants, tenants);
    }
}

#[test]
fn a_read_that_cannot_be_done_is_refused() {
    let bad_category = Category::from_static("a/b");
    let bad_stream = StreamId::of(bad_category.clone(), stream("k").key().clone());
    let terms = (0..=limits::MAX_QUERY_TERMS).map(|n| Query::tagged(Tag::new("n", n).unwrap()));
    for read in [
        Read::all().from_version(version(1)),
        Read::all().to_version(version(1)),
        Read::category(Category::from_static("account")).from_version(version(1)),
        Read::event(EventId::new()).to_version(version(1)),
        Read::category(bad_category),
        Read::stream(bad_stream),
        Read::all().of_types([EventType::from_static("")]),
        Read::all().matching(terms.reduce(Query::or).unwrap()),
    ] {
        assert!(read.clone().scoped(None).is_err(), "{read:?}");
        assert!(read.clone().scoped(Some(&tenant("acme"))).is_err(), "scoped: {read:?}");
    }
}
