//! L8: what comes back is what went in, byte for byte; what cannot be decoded is an error
//! with its position, never dropped.

use es_core::{
    Append, ContentType, ErrorKind, Event, EventId, EventType, ExpectedVersion, Metadata, NewEvent,
    Payload, Read, Store, StreamId, Timestamp,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    sample::{
        Reading, Sample, all, category, event, ids, many, put, read, schema, stream, tag, typed,
    },
    tasks::{together, turns},
};

/// JSON comes back as it was written: white space, order and repetition of keys, escapes.
pub async fn json_comes_back_byte_for_byte(store: Store) {
    let texts = [
        r#"{ "b" : 1,  "a":2, "a": 3 }"#,
        r#"{"nul":"\u0000","emoji":"\ud83d\ude00","slash":"\/"}"#,
        "\t[1.0, 1e2, -0.0, 12345678901234567890123456789]\n",
        r#""ein Text — 文""#,
        "null",
        "0",
    ];
    let payloads = texts.map(|text| Payload::new(ContentType::JSON, text).unwrap());
    expect_back(&store, &payloads).await;
}

/// Bytes of any other content type come back as they are: any byte, none at all.
pub async fn any_bytes_come_back(store: Store) {
    let every_byte: Vec<u8> = (0..=255).collect();
    let cbor = ContentType::new("application/cbor").unwrap();
    let payloads = [
        Payload::new(ContentType::BINARY, every_byte.clone()),
        Payload::new(ContentType::BINARY, Vec::new()),
        Payload::new(cbor.clone(), vec![0, 0, 0]),
        Payload::new(cbor, b"{\"not\": checked".to_vec()),
        Payload::new(ContentType::new("text/x.of-our+own;v=1").unwrap(), every_byte),
    ];
    expect_back(&store, &payloads.map(Result::unwrap)).await;
}

/// All metadata comes back: every field, nested values, numbers at their ends.
pub async fn metadata_comes_back(store: Store) {
    let full = Metadata::new()
        .with_correlation_id(Uuid::from_u128(1))
        .with_causation_id(Uuid::from_u128(u128::MAX))
        .with_actor("Zoë O'Neil \\ \"admin\" 文")
        .with_trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Some("a=b,c=d"))
        .with_occurred_at(Timestamp::from_micros(-1))
        .with_extra("nested", json!({ "list": [1, { "deep": null }, "x"], "empty": {} }))
        .with_extra("numbers", json!([u64::MAX, i64::MIN, 1.5, true]))
        .with_extra("text", "line\nbreak, tab\t, nul \0, 文")
        .with_extra("null", serde_json::Value::Null);
    put(&store, "a", vec![event("noted").with_metadata(full.clone())]).await;
    assert_eq!(all(&store).await[0].metadata, full);
}

/// Metadata that nobody gave: only the correlation that the append fills in, the id of its
/// first event.
pub async fn metadata_that_nobody_gave_is_the_correlation_alone(store: Store) {
    let events = many(2);
    let filled_in = Metadata::new().with_correlation_id(events[0].id.as_uuid());
    put(&store, "a", events).await;
    for event in all(&store).await {
        assert_eq!(event.metadata, filled_in);
    }
}

/// Tags come back, whatever characters their values have, and select by exactly that.
pub async fn tags_come_back_and_select_exactly(store: Store) {
    let values = [
        "plain",
        "Plain",
        "pläin",
        "pla\u{308}in",
        "with space",
        "a:b:c",
        "%",
        "_",
        "*",
        "'; --",
        "\"",
        "\\",
        "{1,2}",
        "文",
        " ",
        "a,b",
    ];
    for value in values {
        let event = event("noted").with_tag(tag("label", value)).with_tag(tag("all", 1));
        put(&store, "a", vec![event]).await;
    }
    for (at, value) in values.into_iter().enumerate() {
        let found = read(&store, Read::all().tagged(tag("label", value))).await;
        assert_eq!(found.len(), 1, "tag value {value:?}");
        assert_eq!(found[0].version.get(), at as u64 + 1);
        assert!(found[0].tags.contains(&tag("label", value)));
        assert_eq!(found[0].tags.len(), 2);
    }
}

/// Keys are compared by their bytes: no case, form or white space makes two of them one,
/// and no character in them means anything.
pub async fn keys_are_compared_by_their_bytes(store: Store) {
    let keys = [
        "alice", "Alice", "ali", "alicea", "é", "e\u{301}", "a b", "a  b", "a/b", "a@b", "a:b",
        "%", "_", "*", "'; drop", "\"", "\\", "{x}", "[a]", "?", "1", "01", "文", "😀",
    ];
    for key in keys {
        put(&store, key, many(1)).await;
    }
    for key in keys {
        let found = read(&store, Read::stream(stream(key))).await;
        assert_eq!(found.len(), 1, "key {key:?}");
        assert_eq!(found[0].stream, stream(key));
    }
}

/// So are categories and types.
pub async fn categories_and_types_are_compared_by_their_bytes(store: Store) {
    let names = ["noted", "Noted", "note", "noted_", "noted.v2", "notiert", "отмечено"];
    for name in names {
        let stream = StreamId::new(name, "k").unwrap();
        let append = Append::to(stream, ExpectedVersion::NoStream).event(event(name));
        store.append(append).await.unwrap();
    }
    for name in names {
        let of_category = read(&store, Read::category(category(name))).await;
        assert_eq!(of_category.len(), 1, "category {name:?}");
        let types = [EventType::new(name).unwrap()];
        let of_type = read(&store, Read::all().of_types(types)).await;
        assert_eq!(ids(&of_type), ids(&of_category), "type {name:?}");
        assert_eq!(of_type[0].schema.name, name);
    }
}

/// Schema versions come back, the highest one as well.
pub async fn schema_versions_come_back(store: Store) {
    let schemas = [1, 2, 70_000, u32::MAX].map(|version| schema("noted", version));
    for schema in schemas.clone() {
        let event = NewEvent::raw(schema, Payload::json(&1).unwrap());
        put(&store, "a", vec![event]).await;
    }
    let log = all(&store).await;
    let found: Vec<_> = log.iter().map(|event| event.schema.clone()).collect();
    assert_eq!(found, schemas);
}

/// The id that the writer chose is the id of the event.
pub async fn ids_come_back(store: Store) {
    let chosen =
        [Uuid::from_u128(1), Uuid::from_u128(u128::MAX), Uuid::new_v5(&Uuid::NAMESPACE_DNS, b"x")]
            .map(EventId::from_uuid);
    for id in chosen {
        put(&store, "a", vec![event("noted").with_id(id)]).await;
    }
    assert_eq!(ids(&all(&store).await), chosen);
}

/// The time of recording never goes backward along the log, and is one per append.
pub async fn recorded_at_never_goes_backward(store: Store) {
    let writers = (0..4).map(|writer| {
        let store = store.clone();
        async move {
            for _ in 0..10 {
                put(&store, &format!("s{writer}"), many(3)).await;
                turns(1).await;
            }
        }
    });
    together(writers).await;
    let log = all(&store).await;
    assert!(log.is_sorted_by_key(|event| event.recorded_at));
    for append in log.chunks(3) {
        assert!(append.iter().all(|e| e.recorded_at == append[0].recorded_at));
    }
}

/// Typed events come back as the values that they were.
pub async fn typed_events_come_back(store: Store) {
    let owner = "alice".to_owned();
    let events = [Sample::Opened { owner }, Sample::Deposited { amount: -7 }];
    put(&store, "a", events.iter().map(typed).collect()).await;
    let found = store.read_as::<Sample>(Read::stream(stream("a")));
    let found = found.into_vec().await.unwrap();
    let values: Vec<_> = found.iter().map(|event| event.event.clone()).collect();
    assert_eq!(values, events);
    assert!(found[0].tags.contains(&tag("owner", "alice")));
}

/// A payload that does not fit its schema is an error with the event's position, after the
/// events before it; and the last thing that the read yields.
pub async fn an_undecodable_event_is_an_error_with_its_position(store: Store) {
    put(&store, "a", vec![typed(&Sample::Deposited { amount: 1 })]).await;
    let broken = NewEvent::raw(Sample::SCHEMAS[1].clone(), Payload::json("a lot").unwrap());
    let receipt = put(&store, "a", vec![broken.clone()]).await;
    put(&store, "a", vec![typed(&Sample::Deposited { amount: 3 })]).await;
    let mut reading = store.read_as::<Sample>(Read::stream(stream("a")));
    let first = reading.next().await.unwrap().unwrap();
    assert_eq!(first.event, Sample::Deposited { amount: 1 });
    let error = reading.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undecodable);
    let details = error.undecodable_details().unwrap();
    assert_eq!(details.position, Some(receipt.last));
    assert_eq!(details.event, Some(broken.id));
    assert_eq!(details.schema, Sample::SCHEMAS[1]);
    assert!(reading.next().await.is_none(), "an error is the last item");
    assert_eq!(read(&store, Read::all()).await.len(), 3, "untyped it can be read");
}

/// An event of a type that the reader does not know, and one of a schema version that it
/// does not know, is an error that lists what is known.
pub async fn an_unknown_event_is_an_error_that_lists_the_known(store: Store) {
    let newer = NewEvent::raw(schema("account.deposited", 3), Payload::json(&1).unwrap());
    for (key, unknown) in [("a", event("account.closed")), ("b", newer)] {
        let receipt = put(&store, key, vec![unknown.clone()]).await;
        let mut reading = store.read_as::<Sample>(Read::stream(stream(key)));
        let error = reading.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownEvent);
        let details = error.unknown_event_details().unwrap();
        assert_eq!(details.schema, unknown.schema);
        assert_eq!(details.known, Sample::SCHEMAS);
        assert_eq!(details.position, Some(receipt.last));
        assert!(reading.next().await.is_none(), "an error is the last item");
    }
}

/// Asked for the types that it knows, a typed reader meets only those.
pub async fn a_typed_read_of_its_own_types_succeeds(store: Store) {
    put(&store, "a", vec![typed(&Reading(1.5)), event("account.closed"), typed(&Reading(2.5))])
        .await;
    let found = store.read_as::<Reading>(Read::all().types::<Reading>());
    let found = found.into_vec().await.unwrap();
    let values: Vec<_> = found.iter().map(|event| event.event).collect();
    assert_eq!(values, [Reading(1.5), Reading(2.5)]);
}

/// Records the payloads and checks that they come back: by a read, by id, backward.
async fn expect_back(store: &Store, payloads: &[Payload]) {
    let events: Vec<_> =
        payloads.iter().map(|payload| NewEvent::raw(schema("noted", 1), payload.clone())).collect();
    let written = events.clone();
    put(store, "a", events).await;
    for (found, wanted) in all(store).await.iter().zip(&written) {
        assert_eq!(found.payload, wanted.payload);
        assert_eq!(found.payload.content_type(), wanted.payload.content_type());
        let by_id = store.find(wanted.id).await.unwrap().unwrap();
        assert_eq!(by_id.payload, wanted.payload);
    }
    let backward = read(store, Read::stream(stream("a")).backward()).await;
    let found: Vec<_> = backward.iter().rev().map(|e| e.payload.clone()).collect();
    assert_eq!(found, payloads);
}
