//! What one event has, the next has not: the statement that writes them keeps what it was given.

use es_core::{
    Append, ContentType, ErrorKind, ExpectedVersion, Metadata, NewEvent, Payload, Position, Read,
    Schema, Store, StreamId, Tag,
};
use es_store_sqlite::SqliteStore;

use crate::child;

fn plain(schema_version: u32) -> NewEvent {
    NewEvent::raw(Schema::from_static("noted", schema_version), Payload::json("plain").unwrap())
}

/// An event with all that most have not.
fn laden(schema_version: u32) -> NewEvent {
    let text = ContentType::new("text/plain").unwrap();
    let payload = Payload::new(text, b"laden".to_vec()).unwrap();
    let cause = uuid::Uuid::from_u128(7);
    let metadata = Metadata::new()
        .with_correlation_id(uuid::Uuid::from_u128(8))
        .with_causation_id(cause)
        .with_actor("somebody");
    NewEvent::raw(Schema::from_static("laden", schema_version), payload)
        .with_metadata(metadata)
        .with_tag("colour:red".parse::<Tag>().unwrap())
}

/// The events of an append as they are kept: those without a correlation have that of the first.
fn filled(mut events: Vec<NewEvent>) -> Vec<NewEvent> {
    let first = events[0].metadata.correlation_id().unwrap_or(events[0].id.as_uuid());
    for event in &mut events {
        let own = event.metadata.correlation_id().unwrap_or(first);
        event.metadata = event.metadata.clone().with_correlation_id(own);
    }
    events
}

async fn is_kept(store: &Store, written: &[(StreamId, NewEvent)]) {
    let log = store.read(Read::all()).into_vec().await.unwrap();
    assert_eq!(log.len(), written.len());
    for (event, (stream, new)) in log.iter().zip(written) {
        let at = event.position;
        assert_eq!((&event.stream, event.id), (stream, new.id), "at {at}");
        assert_eq!((&event.schema, &event.payload), (&new.schema, &new.payload), "at {at}");
        assert_eq!(event.tags, new.tags, "at {at}");
        assert_eq!(event.metadata, new.metadata, "at {at}");
    }
}

#[tokio::test]
async fn what_one_event_has_the_next_has_not() {
    let store = Store::new(SqliteStore::in_memory().await.unwrap());
    let mut written = Vec::new();
    let to = |stream, events: &[NewEvent]| {
        Append::to(child::stream(stream), ExpectedVersion::Any).events(events.to_vec())
    };
    let appends: [(u64, Vec<NewEvent>); 4] = [
        (0, vec![plain(1), laden(2), plain(1), laden(1), laden(3), plain(2)]),
        (1, vec![plain(2)]),
        (1, vec![laden(2)]),
        (2, vec![plain(2), plain(2)]),
    ];
    for (stream, events) in appends {
        store.append(to(stream, &events)).await.unwrap();
        written.extend(filled(events).into_iter().map(|event| (child::stream(stream), event)));
    }
    is_kept(&store, &written).await;
}

#[tokio::test]
async fn an_append_that_was_refused_leaves_nothing_to_the_next() {
    let store = Store::new(SqliteStore::in_memory().await.unwrap());
    let to =
        |events: Vec<NewEvent>| Append::to(child::stream(0), ExpectedVersion::Any).events(events);
    let first = laden(1);
    store.append(to(vec![first.clone()])).await.unwrap();
    // The second event is there already, so the first of this append is taken back.
    let clash = store.append(to(vec![laden(2), first.clone()])).await.unwrap_err();
    assert_eq!(clash.kind(), ErrorKind::IdempotencyClash, "{clash:?}");
    let next = plain(1);
    let receipt = store.append(to(vec![next.clone()])).await.unwrap();
    assert_eq!(receipt.first, Position::new(2));
    let kept = [filled(vec![first]), filled(vec![next])].concat();
    let kept: Vec<_> = kept.into_iter().map(|event| (child::stream(0), event)).collect();
    is_kept(&store, &kept).await;
}
