//! Bad input: each kind has its own error, found before anything is written.

use es_core::{
    Append, Category, ContentType, EventType, ExpectedVersion, Invalid, NewEvent, Payload,
    Position, Query, Read, Schema, Store, StreamId, Tag, Tenant, Version,
};

use crate::{
    declined::{Need, declines},
    sample::{
        Reading, Sample, all, category, event, expect_log, key, many, put, refused_as, stream, to,
    },
};

/// An append without events.
pub async fn an_append_without_events(store: Store) {
    let empty = to("a", ExpectedVersion::Any);
    refused_as(
        &store,
        empty,
        |invalid| matches!(invalid, Invalid::EmptyAppend { stream: of } if *of == stream("a")),
    )
    .await;
    let only_demands = to("a", ExpectedVersion::Any).require(stream("b"), ExpectedVersion::Any);
    refused_as(&store, only_demands, |invalid| matches!(invalid, Invalid::EmptyAppend { .. }))
        .await;
}

/// An append to several streams, one of them without events.
pub async fn a_stream_without_events_in_an_append(store: Store) {
    let append =
        to("a", ExpectedVersion::Any).events(many(1)).and(stream("b"), ExpectedVersion::Any);
    refused_as(
        &store,
        append,
        |invalid| matches!(invalid, Invalid::EmptyAppend { stream: of } if *of == stream("b")),
    )
    .await;
}

/// A stream that is written twice, required twice, or written and required.
pub async fn a_stream_twice_in_an_append(store: Store) {
    let append = || to("a", ExpectedVersion::Any).events(many(1));
    let (any, b) = (ExpectedVersion::Any, || stream("b"));
    for twice in [
        append().and(stream("a"), any).events(many(1)),
        append().require(stream("a"), any),
        append().require(b(), any).require(b(), ExpectedVersion::NoStream),
    ] {
        refused_as(&store, twice, |invalid| matches!(invalid, Invalid::StreamTwice { .. })).await;
    }
}

/// An event id that stands twice in one append, in one stream or in two.
pub async fn an_event_twice_in_an_append(store: Store) {
    let noted = event("noted");
    let twice = to("a", ExpectedVersion::Any).events([noted.clone(), noted.clone()]);
    let is_refused =
        |invalid: &Invalid| matches!(invalid, Invalid::EventTwice { event } if *event == noted.id);
    refused_as(&store, twice, is_refused).await;
    let in_two = to("a", ExpectedVersion::Any)
        .event(noted.clone())
        .and(stream("b"), ExpectedVersion::Any)
        .event(noted.clone());
    refused_as(&store, in_two, is_refused).await;
}

/// Version 0: there is none, so nobody can expect it.
pub async fn version_zero(store: Store) {
    put(&store, "a", many(1)).await;
    let before = all(&store).await;
    let error = Version::new(0).unwrap_err();
    assert!(matches!(error.invalid(), Some(Invalid::Version { number: 0 })));
    expect_log(&store, &before).await;
}

/// Schema version 0.
pub async fn schema_version_zero(store: Store) {
    let event = NewEvent::raw(Schema::from_static("noted", 0), Payload::json(&1).unwrap());
    refused_as(&store, to("a", ExpectedVersion::Any).event(event), |invalid| {
        matches!(invalid, Invalid::SchemaVersion { event_type } if *event_type == "noted")
    })
    .await;
}

/// A number that JSON cannot write: NaN and the infinities. It is refused, not lost.
pub async fn a_number_that_json_cannot_write(store: Store) {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let append = to("a", ExpectedVersion::Any).event(Reading(1.5)).event(Reading(number));
        refused_as(&store, append, |invalid| matches!(invalid, Invalid::Payload { .. })).await;
    }
}

/// Bytes that call themselves JSON and are not.
pub async fn a_payload_that_is_no_json(store: Store) {
    put(&store, "a", many(1)).await;
    let before = all(&store).await;
    let texts = ["", "{", "{}{}", "NaN", "'x'", "\u{feff}1"].map(str::as_bytes);
    for bytes in texts.into_iter().chain([&b"\"\xff\""[..]]) {
        let error = Payload::new(ContentType::JSON, bytes).unwrap_err();
        assert!(matches!(error.invalid(), Some(Invalid::Payload { .. })), "{bytes:?}");
    }
    expect_log(&store, &before).await;
}

/// An event whose label cannot be a tag.
pub async fn an_event_whose_label_is_no_tag(store: Store) {
    for (owner, found) in [("", None), ("a\nb", Some('\n'))] {
        let owner = owner.to_owned();
        let append = to("a", ExpectedVersion::Any).event(Sample::Opened { owner });
        refused_as(&store, append, |invalid| match found {
            None => matches!(invalid, Invalid::Tag { .. }),
            Some(c) => matches!(invalid, Invalid::ReservedCharacter { found, .. } if *found == c),
        })
        .await;
    }
}

/// Names with a reserved character: category, tenant, key, event type, tag.
pub async fn reserved_characters(store: Store) {
    let append = |stream: StreamId| Append::to(stream, ExpectedVersion::Any).events(many(1));
    let is_reserved = |c: char| move |invalid: &Invalid| matches!(invalid, Invalid::ReservedCharacter { found, .. } if *found == c);
    let bad = StreamId::of(Category::from_static("acc/ount"), key("k"));
    refused_as(&store, append(bad), is_reserved('/')).await;
    let bad = StreamId::of(category("account"), key("k")).with_tenant(Tenant::from_static("ac@me"));
    refused_as(&store, append(bad), is_reserved('@')).await;
    let mut bad = event("noted");
    bad.schema.name = EventType::from_static("no ted");
    let bad = to("a", ExpectedVersion::Any).event(bad);
    refused_as(&store, bad, is_reserved(' ')).await;
    for key in ["a\nb", "a\0b", " a", "a\u{7f}"] {
        let error = StreamId::new("account", key).unwrap_err();
        assert!(matches!(error.invalid(), Some(Invalid::ReservedCharacter { .. })), "{key:?}");
    }
    for (name, value) in [("a b", "c"), ("a", "c\0"), ("a/b", "c")] {
        let error = Tag::new(name, value).unwrap_err();
        assert!(matches!(error.invalid(), Some(Invalid::ReservedCharacter { .. })), "{name:?}");
    }
}

/// Names without a character.
pub async fn empty_names(store: Store) {
    let bad = StreamId::of(Category::from_static(""), key("k"));
    let bad = Append::to(bad, ExpectedVersion::Any).events(many(1));
    refused_as(&store, bad, |invalid| matches!(invalid, Invalid::EmptyName { what: "category" }))
        .await;
    let error = StreamId::new("account", "").unwrap_err();
    assert!(matches!(error.invalid(), Some(Invalid::EmptyName { what: "key" })));
}

/// A condition that names a type which cannot be.
pub async fn a_condition_on_an_impossible_type(store: Store) {
    if declines(&store, Need::Conditions) {
        return;
    }
    let query = Query::any().of_types([EventType::from_static("no ted")]);
    let append = to("a", ExpectedVersion::Any).events(many(1)).unless(query, Position::START);
    refused_as(&store, append, |invalid| matches!(invalid, Invalid::ReservedCharacter { .. }))
        .await;
}

/// A read that bounds versions without naming a stream.
pub async fn versions_without_a_stream(store: Store) {
    put(&store, "a", many(2)).await;
    for wanted in [
        Read::all().from_version(Version::FIRST),
        Read::category(category("account")).to_version(Version::FIRST),
    ] {
        let mut reading = store.read(wanted);
        let error = reading.next().await.unwrap().unwrap_err();
        assert!(matches!(error.invalid(), Some(Invalid::Read { .. })));
        assert!(reading.next().await.is_none(), "an error is the last item");
    }
}

/// The first error of an append is the one that is reported, and an append that was
/// refused can be put right and appended.
pub async fn what_was_refused_can_be_put_right(store: Store) {
    let noted = event("noted");
    let twice = to("a", ExpectedVersion::NoStream).events([noted.clone(), noted.clone()]);
    store.append(twice).await.unwrap_err();
    let once = to("a", ExpectedVersion::NoStream).event(noted);
    assert!(!store.append(once).await.unwrap().replayed);
}
