//! What an append refuses, what it fills in, and what it hands to a store.

use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::{
    Category, ConditionFailed, Envelope, Error, Event, EventType, ExpectedVersion, Invalid, LogId,
    Metadata, NewEvent, Payload, Position, Recorded, Result, Schema, StreamId, Tag, Tags, Tenant,
    Timestamp, Version, limits,
};

const ANY: ExpectedVersion = ExpectedVersion::Any;

fn stream(key: &str) -> StreamId {
    StreamId::new("account", key).unwrap()
}

fn of(tenant: &str, key: &str) -> StreamId {
    stream(key).with_tenant(Tenant::new(tenant).unwrap())
}

fn event() -> NewEvent {
    NewEvent::raw(Schema::from_static("noted", 1), Payload::json(&1).unwrap())
}

fn one() -> Append {
    Append::to(stream("a"), ANY).event(event())
}

#[track_caller]
fn invalid(append: Append) -> Invalid {
    let error = append.build().unwrap_err();
    error.invalid().unwrap_or_else(|| panic!("another error: {error}")).clone()
}

/// Encodes unless it is told not to.
struct Stubborn(Option<&'static str>);

impl Event for Stubborn {
    const SCHEMAS: &'static [Schema] = &[Schema::from_static("stubborn", 1)];

    fn schema(&self) -> &'static Schema {
        &Self::SCHEMAS[0]
    }

    fn encode(&self) -> Result<Payload> {
        match self.0 {
            None => Payload::json(&()),
            Some(reason) => Err(Error::new(crate::ErrorKind::Fault, reason)),
        }
    }

    fn decode(_: &Schema, _: &Payload) -> Result<Self> {
        Ok(Self(None))
    }

    fn tags(&self) -> Result<Tags> {
        Ok(Tags::NONE.with(Tag::new("kind", "stubborn")?))
    }
}

#[test]
fn the_first_error_is_kept_and_reported() {
    let append = one()
        .event(Stubborn(Some("first")))
        .event(event())
        .event(Stubborn(Some("second")))
        .and(stream("a"), ANY); // invalid as well
    assert_eq!(append.build().unwrap_err().to_string(), "first");
}

#[test]
fn events_are_taken_by_value_by_reference_and_encoded() {
    let typed = Stubborn(None);
    let append = one().event(&typed).event(typed).events([event(), event()]);
    let request = append.build().unwrap();
    assert_eq!(request.event_count(), 5);
    let tagged: Vec<_> = request.events().map(|(_, event)| event.tags.len()).collect();
    assert_eq!(tagged, [0, 1, 1, 0, 0], "a typed event brings its tags");
}

#[test]
fn the_request_has_what_was_asked_for_in_that_order() {
    let (a, b, c) = (event(), event(), event());
    let ids = [a.id, b.id, c.id];
    let query = Query::tagged(Tag::new("t", 1).unwrap());
    let request = Append::to(stream("z"), ExpectedVersion::NoStream)
        .event(a)
        .and(stream("a"), ExpectedVersion::Exists)
        .events([b, c])
        .require(stream("r"), ExpectedVersion::Exact(Version::FIRST))
        .unless(query.clone(), Position::new(7))
        .deadline(Duration::from_secs(3))
        .build()
        .unwrap();
    let events: Vec<_> = request.events().map(|(of, event)| (of.clone(), event.id)).collect();
    assert_eq!(events, [(stream("z"), ids[0]), (stream("a"), ids[1]), (stream("a"), ids[2])]);
    assert_eq!(request.streams()[0].expected, ExpectedVersion::NoStream);
    assert_eq!(request.streams()[1].expected, ExpectedVersion::Exists);
    assert_eq!(request.required()[0].stream, stream("r"));
    assert_eq!(request.required()[0].expected, ExpectedVersion::Exact(Version::FIRST));
    assert_eq!(request.unless()[0].query, query);
    assert_eq!(request.unless()[0].after, Position::new(7));
    assert_eq!(request.deadline(), Some(Duration::from_secs(3)));
    let (streams, required, unless) = request.into_parts();
    assert_eq!((streams.len(), required.len(), unless.len()), (2, 1, 1));
}

#[test]
fn a_stream_without_events_is_refused() {
    let empty = |key| Invalid::EmptyAppend { stream: stream(key) };
    assert_eq!(invalid(Append::to(stream("a"), ANY)), empty("a"));
    assert_eq!(invalid(one().and(stream("b"), ANY)), empty("b"));
}

#[test]
fn a_stream_that_stands_twice_is_refused() {
    let twice = |key| Invalid::StreamTwice { stream: stream(key) };
    assert_eq!(invalid(one().and(stream("a"), ANY).event(event())), twice("a"));
    assert_eq!(invalid(one().require(stream("a"), ANY)), twice("a"));
    assert_eq!(invalid(one().require(stream("b"), ANY).require(stream("b"), ANY)), twice("b"));
}

#[test]
fn an_event_that_stands_twice_is_refused() {
    let same = event();
    let twice = Invalid::EventTwice { event: same.id };
    assert_eq!(invalid(one().event(same.clone()).event(same.clone())), twice);
    let far = one().event(same.clone()).event(event()).event(same.clone());
    assert_eq!(invalid(far), twice);
    assert_eq!(invalid(one().event(same.clone()).and(stream("b"), ANY).event(same)), twice);
}

#[test]
fn names_that_were_never_checked_are_checked_here() {
    let bad_category = StreamId::of(Category::from_static("a b"), stream("k").key().clone());
    let bad_tenant = stream("k").with_tenant(Tenant::from_static(""));
    let mut bad_type = event();
    bad_type.schema.name = EventType::from_static("no/ted");
    let query = Query::any().of_types([EventType::from_static("-")]);
    for (append, what) in [
        (Append::to(bad_category.clone(), ANY).event(event()), "category"),
        (one().require(bad_category, ANY), "category"),
        (Append::to(bad_tenant, ANY).event(event()), "tenant"),
        (one().event(bad_type), "event type"),
        (one().unless(query, Position::START), "event type"),
    ] {
        let found = match invalid(append) {
            Invalid::ReservedCharacter { what, .. } | Invalid::EmptyName { what } => what,
            other => panic!("another error: {other}"),
        };
        assert_eq!(found, what);
    }
}

#[test]
fn schema_version_zero_is_refused() {
    let mut bad = event();
    bad.schema.version = 0;
    assert_eq!(
        invalid(one().event(bad)),
        Invalid::SchemaVersion { event_type: EventType::from_static("noted") }
    );
}

#[test]
fn counts_are_allowed_up_to_their_limits() {
    let events = |count| Append::to(stream("a"), ANY).events((0..count).map(|_| event()));
    let streams =
        |count| (1..count).fold(one(), |append, n| append.require(stream(&n.to_string()), ANY));
    let conditions =
        |count| (0..count).fold(one(), |append, _| append.unless(Query::any(), Position::START));
    let terms = |count| {
        let tags = (0..count).map(|n| Query::tagged(Tag::new("n", n).unwrap()));
        one().unless(tags.reduce(Query::or).unwrap(), Position::START)
    };
    let tags = |count| {
        let tags = (0..count).map(|n| Tag::new("n", n).unwrap()).collect();
        Append::to(stream("a"), ANY).event(event().with_tags(tags))
    };
    let table: [(&dyn Fn(usize) -> Append, usize); 5] = [
        (&events, limits::MAX_EVENTS_PER_APPEND),
        (&streams, limits::MAX_STREAMS_PER_APPEND),
        (&conditions, limits::MAX_CONDITIONS_PER_APPEND),
        (&terms, limits::MAX_QUERY_TERMS),
        (&tags, limits::MAX_TAGS_PER_EVENT),
    ];
    for (append, limit) in table {
        append(limit).build().unwrap();
        match invalid(append(limit + 1)) {
            Invalid::TooMany { count, max, .. } => assert_eq!((count, max), (limit + 1, limit)),
            other => panic!("another error: {other}"),
        }
    }
}

#[test]
fn sizes_are_allowed_up_to_their_limits() {
    let filler = |size: usize| {
        let payload = Payload::new(crate::ContentType::BINARY, vec![0; size]).unwrap();
        NewEvent::raw(Schema::from_static("filled", 1), payload)
    };
    let max = limits::MAX_PAYLOAD_BYTES;
    one().event(filler(max)).build().unwrap();
    let above = filler(max + 1);
    let too_large = Invalid::EventTooLarge { event: above.id, what: "payload", size: max + 1, max };
    assert_eq!(invalid(one().event(above)), too_large);

    let quarters = || Append::to(stream("a"), ANY).events((0..4).map(|_| filler(max)));
    assert_eq!(limits::MAX_APPEND_BYTES, 4 * max);
    quarters().build().unwrap();
    let size = limits::MAX_APPEND_BYTES + 1;
    assert_eq!(invalid(quarters().event(filler(1))), Invalid::AppendTooLarge { size });
    let spread = quarters().and(stream("b"), ANY).event(filler(1));
    assert_eq!(invalid(spread), Invalid::AppendTooLarge { size }, "over all streams");
}

#[test]
fn metadata_is_measured_as_it_will_be_written() {
    let of = |size: usize| {
        let frame = r#"{"actor":""}"#.len();
        Metadata::new().with_actor("x".repeat(size - frame))
    };
    let max = limits::MAX_METADATA_BYTES;
    one().event(event().with_metadata(of(max))).build().unwrap();
    for append in [
        one().event(event().with_metadata(of(max + 1))),
        one().with_metadata(of(max + 1)),
        one()
            .event(event().with_metadata(of(max)))
            .with_metadata(Metadata::new().with_extra("k", 1)),
    ] {
        assert!(matches!(invalid(append), Invalid::EventTooLarge { what: "metadata", .. }));
    }
}

#[test]
fn a_correlation_is_filled_in_from_the_first_event() {
    let (first, second, other) = (event(), event(), event());
    let given = Uuid::from_u128(7);
    let own = other.with_metadata(Metadata::new().with_correlation_id(given));
    let id = first.id.as_uuid();
    let append = Append::to(stream("a"), ANY).event(first).event(own).and(stream("b"), ANY);
    let request = append.event(second).build().unwrap();
    let found: Vec<_> =
        request.events().map(|(_, event)| event.metadata.correlation_id()).collect();
    assert_eq!(found, [Some(id), Some(given), Some(id)]);
    assert!(request.events().all(|(_, event)| event.metadata.causation_id().is_none()));
}

#[test]
fn metadata_of_the_append_fills_in_what_events_lack() {
    let own = event().with_metadata(Metadata::new().with_actor("own"));
    let request = one()
        .event(own)
        .with_metadata(Metadata::new().with_actor("alice"))
        .with_metadata(Metadata::new().with_actor("too late").with_extra("ip", "::1"))
        .build()
        .unwrap();
    let actors: Vec<_> = request.events().map(|(_, event)| event.metadata.actor()).collect();
    assert_eq!(actors, [Some("alice"), Some("own")]);
    assert!(request.events().all(|(_, event)| event.metadata.extra("ip").is_some()));
}

#[test]
fn a_cause_gives_its_correlation_and_its_id() {
    let cause = event().with_metadata(Metadata::new().with_correlation_id(Uuid::from_u128(7)));
    let position = Position::new(3);
    let cause = Envelope::record(cause, stream("a"), Version::FIRST, position, Timestamp::EPOCH);
    let cause = Recorded::from(cause);
    let request = one().caused_by(&cause).build().unwrap();
    let metadata = &request.streams()[0].events[0].metadata;
    assert_eq!(metadata.causation_id(), Some(cause.id.as_uuid()));
    assert_eq!(metadata.correlation_id(), Some(Uuid::from_u128(7)));
}

#[test]
fn a_scope_gives_its_tenant_to_streams_without_one() {
    let acme = Tenant::new("acme").unwrap();
    let append = one().and(of("acme", "b"), ANY).event(event()).require(stream("c"), ANY);
    let request = append.build_for(Some(&acme)).unwrap();
    assert_eq!(request.tenant(), Some(&acme));
    assert_eq!(request.streams()[0].stream, of("acme", "a"));
    assert_eq!(request.streams()[1].stream, of("acme", "b"));
    assert_eq!(request.required()[0].stream, of("acme", "c"));
    let twice = one().require(of("acme", "a"), ANY).build_for(Some(&acme));
    assert!(twice.is_err(), "the two names are one stream within the scope");
}

#[test]
fn streams_of_another_tenant_are_refused() {
    let acme = Tenant::new("acme").unwrap();
    let theirs = || Append::to(of("umbrella", "a"), ANY).event(event());
    for (append, scope) in [
        (theirs(), Some(&acme)),
        (one().and(of("umbrella", "b"), ANY).event(event()), Some(&acme)),
        (one().require(of("umbrella", "b"), ANY), Some(&acme)),
        (one().require(of("umbrella", "b"), ANY), None),
        (theirs().require(stream("b"), ANY), None),
        (theirs().and(of("acme", "b"), ANY).event(event()), None),
    ] {
        let error = append.build_for(scope).unwrap_err();
        assert!(matches!(error.invalid(), Some(Invalid::TenantMismatch { .. })), "{error}");
    }
    assert_eq!(theirs().build().unwrap().tenant().unwrap(), &"umbrella");
}

#[test]
fn a_claim_of_another_tenant_is_refused() {
    let claim = |tenant| Metadata::new().with_tenant(Tenant::new(tenant).unwrap());
    let acme = || Append::to(of("acme", "a"), ANY);
    acme().event(event().with_metadata(claim("acme"))).build().unwrap();
    acme().event(event()).with_metadata(claim("acme")).build().unwrap();
    for append in [
        acme().event(event().with_metadata(claim("umbrella"))),
        acme().event(event()).with_metadata(claim("umbrella")),
        one().with_metadata(claim("acme")),
    ] {
        assert!(matches!(invalid(append), Invalid::TenantMismatch { .. }));
    }
}

#[test]
fn queries_mean_what_they_say() {
    let schema = |name| Schema::from_static(name, 1);
    let tag = |value| Tag::new("t", value).unwrap();
    let (a, b) = (EventType::from_static("a"), EventType::from_static("b"));
    let tags: Tags = [tag(1), tag(2)].into_iter().collect();
    let means = |query: &Query, name| query.matches(&schema(name), &tags);

    assert!(Query::any().is_any() && means(&Query::any(), "z"));
    let types = Query::any().of_types([a.clone(), b.clone()]);
    assert!(means(&types, "a") && means(&types, "b") && !means(&types, "c"));
    let both = types.clone().of_types([b.clone()]);
    assert!(means(&both, "b") && !means(&both, "a"), "only types in both lists stay");
    let none = both.of_types([a.clone()]);
    assert!(none.items().is_empty() && !means(&none, "a") && !none.is_any());
    assert!(none.items().is_empty() && none.to_string() == "no event");
    assert!(means(&Query::tagged(tag(1)).and_tagged(tag(2)), "z"));
    assert!(!means(&Query::tagged(tag(1)).and_tagged(tag(3)), "z"));
    let either = Query::tagged(tag(3)).or(Query::any().of_types([a]));
    assert!(means(&either, "a") && !means(&either, "b") && !either.is_any());
    let narrowed = either.and_tagged(tag(3));
    assert!(!means(&narrowed, "a"), "narrowing narrows every alternative");
    assert!(means(&Query::events::<Stubborn>(), "stubborn"));
    assert!(!means(&Query::events::<Stubborn>(), "a"));
    let failed = ConditionFailed::new(types, Position::START, Position::new(1));
    assert!(Error::from(failed).to_string().contains("\"a\""));
}

#[test]
fn a_receipt_knows_the_versions_of_its_streams() {
    let v = |number| Version::new(number).unwrap();
    let versions = vec![(stream("a"), v(3)), (stream("b"), v(1))];
    let (first, last) = (Position::new(4), Position::new(7));
    let receipt = Receipt::new(LogId::generate(), first, last, Timestamp::EPOCH, versions);
    assert_eq!((receipt.version(), receipt.version_of(&stream("b"))), (v(3), Some(v(1))));
    assert_eq!(receipt.version_of(&stream("c")), None);
    let again = receipt.clone().as_replay();
    assert!(again.replayed && !receipt.replayed);
    assert_eq!(Receipt { replayed: false, ..again }, receipt);
}

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

#[test]
fn a_layer_adds_the_trace_where_there_is_none() {
    let theirs = Metadata::new().with_trace("00-theirs", Some("a=b"));
    let append = one().event(event().with_metadata(theirs));
    let request = append.build().unwrap().with_trace(PARENT, Some("vendor=1"));
    let traces: Vec<_> = request
        .events()
        .map(|(_, e)| (e.metadata.traceparent(), e.metadata.tracestate()))
        .collect();
    assert_eq!(traces, [(Some(PARENT), Some("vendor=1")), (Some("00-theirs"), Some("a=b"))]);
    let first = request.events().next().unwrap().1;
    assert_eq!(first.metadata.correlation_id(), Some(first.id.as_uuid()));
}

#[test]
fn metadata_that_would_become_too_large_goes_without_a_trace() {
    let room = limits::MAX_METADATA_BYTES - 60;
    let full = Metadata::new().with_extra("note", "x".repeat(room - 40));
    let request = one().event(event().with_metadata(full)).build().unwrap();
    let before: Vec<_> = request.events().map(|(_, e)| e.metadata.clone()).collect();
    let request = request.with_trace(PARENT, None);
    let after: Vec<_> = request.events().map(|(_, e)| e.metadata.clone()).collect();
    assert_eq!(after[0].traceparent(), Some(PARENT));
    assert_eq!(after[1], before[1]);

    let state = "x".repeat(limits::MAX_METADATA_BYTES);
    let request = one().build().unwrap();
    let before = request.events().next().unwrap().1.metadata.clone();
    let request = request.with_trace(PARENT, Some(&state));
    assert_eq!(request.events().next().unwrap().1.metadata, before);
}
