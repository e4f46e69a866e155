//! L4, the other side: an event id that is taken, in an append that is not the same one,
//! is an `IdempotencyClash`. Nothing is written, and the log keeps what it has.

use es_core::{
    Append, ContentType, ErrorKind, EventId, ExpectedVersion, NewEvent, Payload, Store, Tags,
};

use crate::{
    declined::{Need, declines},
    sample::{event, many, put, refused, schema, stream, tag, tenant, to},
};

/// The same id with another payload.
pub async fn another_payload_clashes(store: Store) {
    expect_clash_of(&store, |mut event| {
        event.payload = Payload::json(&2).unwrap();
        event
    })
    .await;
}

/// The same id and bytes with another content type.
pub async fn another_content_type_clashes(store: Store) {
    expect_clash_of(&store, |mut event| {
        let bytes = event.payload.bytes().clone();
        event.payload = Payload::new(ContentType::BINARY, bytes).unwrap();
        event
    })
    .await;
}

/// The same id with another type.
pub async fn another_type_clashes(store: Store) {
    expect_clash_of(&store, |mut event| {
        event.schema = schema("renoted", 1);
        event
    })
    .await;
}

/// The same id with another version of its schema.
pub async fn another_schema_version_clashes(store: Store) {
    expect_clash_of(&store, |mut event| {
        event.schema = schema("noted", 2);
        event
    })
    .await;
}

/// The same id with other tags: one more, one less, another one.
pub async fn other_tags_clash(store: Store) {
    expect_clash_of(&store, |event| event.with_tag(tag("more", "1"))).await;
    expect_clash_of(&store, |event| event.with_tags(Tags::NONE)).await;
    expect_clash_of(&store, |event| event.with_tags([tag("about", "y")].into_iter().collect()))
        .await;
}

/// The same events in another stream.
pub async fn another_stream_clashes(store: Store) {
    let events = many(2);
    put(&store, "a", events.clone()).await;
    let append = to("b", ExpectedVersion::NoStream).events(events);
    expect_clash(&store, append, None).await;
}

/// The same events in the stream of the same name that belongs to a tenant.
pub async fn the_same_stream_of_a_tenant_clashes(store: Store) {
    let events = many(2);
    put(&store, "a", events.clone()).await;
    let append = to("a", ExpectedVersion::NoStream).events(events);
    let acme = store.for_tenant(tenant("acme"));
    refused(&acme, append, ErrorKind::IdempotencyClash).await;
}

/// Part of a batch: its beginning, its end, its middle, one of it.
pub async fn part_of_a_batch_clashes(store: Store) {
    let events = many(4);
    put(&store, "a", events.clone()).await;
    for part in [0..3, 1..4, 1..3, 0..1, 3..4] {
        let known = events[part.clone()].iter().map(|event| event.id).collect();
        let append = to("a", ExpectedVersion::Any).events(events[part].to_vec());
        expect_clash(&store, append, Some(known)).await;
    }
}

/// A batch that is known, with a new event before, behind or between.
pub async fn a_known_event_beside_a_new_one_clashes(store: Store) {
    let events = many(2);
    put(&store, "a", events.clone()).await;
    let known: Vec<_> = events.iter().map(|event| event.id).collect();
    for place in 0..=2 {
        let mut mixed = events.clone();
        mixed.insert(place, event("noted"));
        let append = to("a", ExpectedVersion::Any).events(mixed);
        expect_clash(&store, append, Some(known.clone())).await;
    }
    let one = to("a", ExpectedVersion::Any).events([event("noted"), events[1].clone()]);
    expect_clash(&store, one, Some(vec![events[1].id])).await;
}

/// The same events in another order.
pub async fn another_order_clashes(store: Store) {
    let mut events = many(3);
    put(&store, "a", events.clone()).await;
    events.swap(0, 1);
    let append = to("a", ExpectedVersion::Any).events(events);
    expect_clash(&store, append, None).await;
}

/// An append over two streams, repeated for one of them, or with their events exchanged.
pub async fn part_of_an_append_to_several_streams_clashes(store: Store) {
    if declines(&store, Need::MultiStream) {
        return;
    }
    let (a, b) = (many(2), many(2));
    let both = |a: Vec<NewEvent>, b: Vec<NewEvent>| {
        to("a", ExpectedVersion::Any).events(a).and(stream("b"), ExpectedVersion::Any).events(b)
    };
    store.append(both(a.clone(), b.clone())).await.unwrap();
    for (key, events) in [("a", &a), ("b", &b)] {
        let append = to(key, ExpectedVersion::Any).events(events.clone());
        expect_clash(&store, append, None).await;
    }
    expect_clash(&store, both(b, a), None).await;
}

/// A clash in the second stream writes nothing in the first.
pub async fn a_clash_in_the_second_stream_writes_nothing_in_the_first(store: Store) {
    if declines(&store, Need::MultiStream) {
        return;
    }
    let events = many(1);
    put(&store, "b", events.clone()).await;
    let known = vec![events[0].id];
    let append = to("a", ExpectedVersion::Any)
        .events(many(2))
        .and(stream("b"), ExpectedVersion::Any)
        .events(events);
    expect_clash(&store, append, Some(known)).await;
}

/// A clash is reported as a clash, also where the expected version does not hold either:
/// reading again and deciding again would not help.
pub async fn a_clash_goes_before_a_conflict(store: Store) {
    let events = many(2);
    put(&store, "a", events.clone()).await;
    let part = to("a", ExpectedVersion::NoStream).event(events[1].clone());
    expect_clash(&store, part, Some(vec![events[1].id])).await;
}

/// Records an event and appends it again, changed.
async fn expect_clash_of(store: &Store, change: impl Fn(NewEvent) -> NewEvent) {
    let noted = event("noted").with_tag(tag("about", "x"));
    put(store, "a", vec![noted.clone()]).await;
    let append = to("a", ExpectedVersion::Any).event(change(noted.clone()));
    expect_clash(store, append, Some(vec![noted.id])).await;
}

/// Checks that the append clashes, writes nothing, and that the clash names an event of
/// `known` (of the log, if not given) and the place where the log has it.
async fn expect_clash(store: &Store, append: Append, known: Option<Vec<EventId>>) {
    let error = refused(store, append, ErrorKind::IdempotencyClash).await;
    let clash = error.idempotency_clash().expect("details of the clash");
    if let Some(known) = known {
        assert!(known.contains(&clash.event), "{} is not known", clash.event);
    }
    let there = store.find(clash.event).await.unwrap();
    let there = there.expect("the event that clashes is in the log");
    assert_eq!(there.position, clash.position);
}
