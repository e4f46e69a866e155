//! L10: sizes and counts have limits, the same everywhere. At the limit an append goes
//! through and comes back; one above it is refused before anything is written.

use std::time::Duration;

use es_core::{
    Append, Category, ContentType, ErrorKind, EventType, ExpectedVersion, Invalid, Metadata,
    NewEvent, Payload, Position, Query, Read, Store, StreamId, Tag, Tenant, limits,
};

use crate::{
    declined::{Need, declines},
    sample::{
        all, category, event, filler, ids, key, many, read, refused_as, stream, tag, tenant, to,
    },
};

/// The greatest number of events goes through; one more is refused.
pub async fn events_per_append(store: Store) {
    const MAX: usize = limits::MAX_EVENTS_PER_APPEND;
    passes(&store, to("a", ExpectedVersion::NoStream).events(many(MAX))).await;
    assert_eq!(all(&store).await.len(), MAX);
    let above = to("b", ExpectedVersion::NoStream).events(many(MAX + 1));
    refused_as(&store, above, |invalid| is_too_many(invalid, MAX)).await;
}

/// The limit counts the events of all streams together.
pub async fn events_per_append_over_several_streams(store: Store) {
    if declines(&store, Need::MultiStream) {
        return;
    }
    const MAX: usize = limits::MAX_EVENTS_PER_APPEND;
    let above = to("a", ExpectedVersion::NoStream)
        .events(many(MAX / 2))
        .and(stream("b"), ExpectedVersion::NoStream)
        .events(many(MAX / 2 + 1));
    refused_as(&store, above, |invalid| is_too_many(invalid, MAX)).await;
}

/// The largest payload goes through and comes back; one byte more is refused.
pub async fn bytes_per_payload(store: Store) {
    const MAX: usize = limits::MAX_PAYLOAD_BYTES;
    let largest = filler(MAX);
    passes(&store, to("a", ExpectedVersion::NoStream).event(largest.clone())).await;
    assert_eq!(all(&store).await[0].payload, largest.payload);
    let above = to("a", ExpectedVersion::Any).event(filler(MAX + 1));
    refused_as(&store, above, |invalid| {
        matches!(invalid, Invalid::EventTooLarge { what: "payload", size, max: MAX, .. } if *size == MAX + 1)
    })
    .await;
}

/// The largest append goes through; one byte more, spread over its events, is refused.
pub async fn bytes_per_append(store: Store) {
    const MAX: usize = limits::MAX_APPEND_BYTES;
    const PARTS: usize = MAX / limits::MAX_PAYLOAD_BYTES + 1;
    let parts = |total: usize| {
        let size = move |part| total / PARTS + usize::from(part < total % PARTS);
        (0..PARTS).map(move |part| filler(size(part)))
    };
    passes(&store, to("a", ExpectedVersion::NoStream).events(parts(MAX))).await;
    assert_eq!(all(&store).await.len(), PARTS);
    let above = to("a", ExpectedVersion::Any).events(parts(MAX + 1));
    refused_as(
        &store,
        above,
        |invalid| matches!(invalid, Invalid::AppendTooLarge { size } if *size == MAX + 1),
    )
    .await;
}

/// The greatest number of streams, written and required together, goes through; one more
/// is refused.
pub async fn streams_per_append(store: Store) {
    if declines(&store, Need::MultiStream) {
        return;
    }
    const MAX: usize = limits::MAX_STREAMS_PER_APPEND;
    let over = |count: usize| {
        let written = (1..count / 2).fold(
            to("s0", ExpectedVersion::NoStream).event(event("noted")),
            |append, n| {
                append
                    .and(stream(&format!("s{n}")), ExpectedVersion::NoStream)
                    .event(event("noted"))
            },
        );
        (count / 2..count).fold(written, |append, n| {
            append.require(stream(&format!("s{n}")), ExpectedVersion::NoStream)
        })
    };
    passes(&store, over(MAX)).await;
    assert_eq!(all(&store).await.len(), MAX / 2);
    refused_as(&store, over(MAX + 1), |invalid| is_too_many(invalid, MAX)).await;
}

/// The greatest number of conditions goes through; one more is refused.
pub async fn conditions_per_append(store: Store) {
    if declines(&store, Need::Conditions) {
        return;
    }
    const MAX: usize = limits::MAX_CONDITIONS_PER_APPEND;
    let with = |count: usize| {
        let append = to("a", ExpectedVersion::Any).event(event("noted"));
        (0..count)
            .fold(append, |append, n| append.unless(Query::tagged(tag("n", n)), Position::START))
    };
    passes(&store, with(MAX)).await;
    refused_as(&store, with(MAX + 1), |invalid| is_too_many(invalid, MAX)).await;
}

/// The greatest query goes through, as a condition and as a read; a greater one is refused.
pub async fn terms_per_query(store: Store) {
    const MAX: usize = limits::MAX_QUERY_TERMS;
    let of = |terms: usize| {
        let tags = (0..terms / 2).map(|n| Query::tagged(tag("n", n)));
        let tags = tags.reduce(Query::or).unwrap();
        let names = (terms / 2..terms).map(|n| EventType::new(format!("t{n}")).unwrap());
        tags.or(Query::any().of_types(names))
    };
    if store.capabilities().conditions {
        let unless = |query| {
            let append = to("a", ExpectedVersion::Any).event(event("noted"));
            append.unless(query, Position::START)
        };
        passes(&store, unless(of(MAX))).await;
        refused_as(&store, unless(of(MAX + 1)), |invalid| is_too_many(invalid, MAX)).await;
    }
    let found = event("t100").with_tag(tag("n", 3));
    passes(&store, to("b", ExpectedVersion::Any).event(found.clone())).await;
    let events = read(&store, Read::all().matching(of(MAX))).await;
    assert_eq!(ids(&events), [found.id]);
    let error = store.read(Read::all().matching(of(MAX + 1))).into_vec().await;
    assert!(error.unwrap_err().invalid().is_some_and(|invalid| is_too_many(invalid, MAX)));
}

/// The greatest number of tags goes through and comes back; one more is refused.
pub async fn tags_per_event(store: Store) {
    const MAX: usize = limits::MAX_TAGS_PER_EVENT;
    let with = |count: usize| event("noted").with_tags((0..count).map(|n| tag("n", n)).collect());
    passes(&store, to("a", ExpectedVersion::Any).event(with(MAX))).await;
    assert_eq!(all(&store).await[0].tags.len(), MAX);
    let above = to("a", ExpectedVersion::Any).event(with(MAX + 1));
    refused_as(&store, above, |invalid| is_too_many(invalid, MAX)).await;
}

/// The longest tag goes through and selects; a longer one cannot be made.
pub async fn bytes_per_tag(store: Store) {
    const MAX: usize = limits::MAX_TAG_BYTES;
    let longest = tag("name", "é".repeat((MAX - "name:".len()) / 2) + "x");
    assert_eq!(longest.as_str().len(), MAX);
    let append = to("a", ExpectedVersion::Any).event(event("noted").with_tag(longest.clone()));
    passes(&store, append).await;
    assert_eq!(read(&store, Read::all().tagged(longest)).await.len(), 1);
    let error = Tag::new("name", "x".repeat(MAX - 4)).unwrap_err();
    assert!(is_too_long(error.invalid().unwrap(), MAX));
}

/// The largest metadata goes through and comes back; a larger one is refused.
pub async fn bytes_of_metadata(store: Store) {
    const MAX: usize = limits::MAX_METADATA_BYTES;
    let of = |size: usize| {
        let metadata = Metadata::new().with_correlation_id(uuid::Uuid::from_u128(1));
        let frame = serde_json::to_vec(&metadata.clone().with_actor("")).unwrap().len();
        metadata.with_actor("x".repeat(size - frame))
    };
    let noted = event("noted").with_metadata(of(MAX));
    passes(&store, to("a", ExpectedVersion::Any).event(noted)).await;
    assert_eq!(all(&store).await[0].metadata, of(MAX));
    let above = to("a", ExpectedVersion::Any).event(event("noted").with_metadata(of(MAX + 1)));
    let is_refused = |invalid: &Invalid| matches!(invalid, Invalid::EventTooLarge { what: "metadata", size, max: MAX, .. } if *size == MAX + 1);
    refused_as(&store, above, is_refused).await;
    let inherited = to("a", ExpectedVersion::Any).event(event("noted"));
    refused_as(&store, inherited.with_metadata(of(MAX + 1)), is_refused).await;
}

/// What nests as deeply as a reader can follow goes through and comes back; one level more is refused.
pub async fn levels_of_json(store: Store) {
    const MAX: usize = limits::MAX_JSON_NESTING;
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let payload = |levels| Payload::new(ContentType::JSON, nested(levels));
    // Two levels are those of the metadata itself.
    let metadata = |levels: usize| {
        let value: serde_json::Value = serde_json::from_str(&nested(levels - 2)).unwrap();
        Metadata::new().with_correlation_id(uuid::Uuid::from_u128(1)).with_extra("deep", value)
    };
    let schema = event("noted").schema;
    let deep = NewEvent::raw(schema, payload(MAX).unwrap()).with_metadata(metadata(MAX));
    passes(&store, to("a", ExpectedVersion::Any).event(deep)).await;
    let read = all(&store).await;
    assert_eq!(read[0].metadata, metadata(MAX));
    assert!(read[0].payload.to_json::<serde_json::Value>().is_ok());
    assert_eq!(payload(MAX + 1).unwrap_err().kind(), ErrorKind::Invalid);
    let above = event("noted").with_metadata(metadata(MAX + 1));
    let above = to("a", ExpectedVersion::Any).event(above);
    refused_as(&store, above, |invalid| matches!(invalid, Invalid::Payload { .. })).await;
}

/// The longest key goes through and is found; a longer one cannot be made.
pub async fn bytes_per_key(store: Store) {
    const MAX: usize = limits::MAX_KEY_BYTES;
    for longest in ["x".repeat(MAX), "é".repeat(MAX / 2), "文".repeat(MAX / 3) + "xx"] {
        assert_eq!(longest.len(), MAX);
        passes(&store, to(&longest, ExpectedVersion::NoStream).event(event("noted"))).await;
        assert_eq!(read(&store, Read::stream(stream(&longest))).await.len(), 1);
    }
    let error = StreamId::new("account", "x".repeat(MAX + 1)).unwrap_err();
    assert!(is_too_long(error.invalid().unwrap(), MAX));
}

/// The longest category and tenant go through and are found; longer ones are refused.
pub async fn bytes_per_category_and_tenant(store: Store) {
    const MAX: usize = limits::MAX_CATEGORY_BYTES;
    let (longest, owner) = (category(&"é".repeat(MAX / 2)), "x".repeat(limits::MAX_TENANT_BYTES));
    let of_owner = store.for_tenant(tenant(&owner));
    let stream = StreamId::of(longest.clone(), key("k"));
    for store in [&store, &of_owner] {
        let append = Append::to(stream.clone(), ExpectedVersion::NoStream).event(event("noted"));
        passes(store, append).await;
        assert_eq!(read(store, Read::category(longest.clone())).await.len(), 1);
    }
    let too_long: &'static str = Box::leak("x".repeat(MAX + 1).into_boxed_str());
    let stream = StreamId::of(Category::from_static(too_long), key("k"));
    let append = |stream| Append::to(stream, ExpectedVersion::NoStream).event(event("noted"));
    refused_as(&store, append(stream), |invalid| is_too_long(invalid, MAX)).await;
    let stream = StreamId::of(category("a"), key("k")).with_tenant(Tenant::from_static(too_long));
    refused_as(&store, append(stream), |invalid| is_too_long(invalid, limits::MAX_TENANT_BYTES))
        .await;
}

/// The longest event type goes through and is found; a longer one is refused.
pub async fn bytes_per_event_type(store: Store) {
    const MAX: usize = limits::MAX_EVENT_TYPE_BYTES;
    let longest = "é".repeat(MAX / 2);
    passes(&store, to("a", ExpectedVersion::NoStream).event(event(&longest))).await;
    let types = [EventType::new(&longest).unwrap()];
    assert_eq!(read(&store, Read::all().of_types(types)).await.len(), 1);
    let mut above = event("noted");
    above.schema.name = EventType::from_static(Box::leak("x".repeat(MAX + 1).into_boxed_str()));
    let append = to("a", ExpectedVersion::Any).event(above);
    refused_as(&store, append, |invalid| is_too_long(invalid, MAX)).await;
}

/// A deadline may be of any length. Whatever becomes of an append that had no time, the error
/// says so, and appended again it is there once.
pub async fn a_deadline_of_any_length(store: Store) {
    for within in [Duration::MAX, Duration::from_secs(u64::MAX / 2), Duration::ZERO] {
        let event = event("noted");
        let append = || to("a", ExpectedVersion::Any).event(event.clone());
        let first = store.append(append().deadline(within)).await;
        let is_there = store.find(event.id).await.unwrap().is_some();
        let is_so = match first.as_ref().map_err(|error| error.kind()) {
            Ok(_) => is_there,
            Err(ErrorKind::Busy) => within.is_zero() && !is_there,
            Err(kind) => within.is_zero() && kind == ErrorKind::OutcomeUnknown,
        };
        assert!(is_so, "{within:?}: {first:?}, and it is there: {is_there}");
        store.append(append()).await.unwrap();
    }
    assert_eq!(all(&store).await.len(), 3);
}

async fn passes(store: &Store, append: Append) {
    if let Err(error) = store.append(append).await {
        panic!("an append at the limit was refused: {error}");
    }
}

fn is_too_many(invalid: &Invalid, limit: usize) -> bool {
    matches!(invalid, Invalid::TooMany { count, max, .. } if *count == limit + 1 && *max == limit)
}

fn is_too_long(invalid: &Invalid, limit: usize) -> bool {
    matches!(invalid, Invalid::NameTooLong { len, max, .. } if *len == limit + 1 && *max == limit)
}
