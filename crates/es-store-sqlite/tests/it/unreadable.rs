//! Rows whose metadata cannot be read: what is before them is given, and they are named.

use es_core::{
    Append, ErrorKind, EventId, EventType, ExpectedVersion, Metadata, NewEvent, Position, Query,
    Read, Store, Tag,
};
use es_store_sqlite::SqliteStore;
use rusqlite::Connection;

use crate::child;

/// Events of which every third has a tag. One is at position 10.
const EVENTS: u64 = 20;
const BROKEN: u64 = 10;

fn tag() -> Tag {
    Tag::new("third", "yes").unwrap()
}

/// What the broken one has alone.
const DEEP: EventType = EventType::from_static("deep");

fn deep_tag() -> Tag {
    Tag::new("deep", "yes").unwrap()
}

fn event(number: u64) -> NewEvent {
    let mut event = child::event(&number.to_string());
    if number == BROKEN {
        event.schema.name = DEEP;
        event = event.with_tag(deep_tag());
    }
    let event = event.with_metadata(Metadata::new().with_extra("note", "short"));
    if number % 3 == 1 { event.with_tag(tag()) } else { event }
}

struct Log {
    _folder: tempfile::TempDir,
    store: Store,
    events: Vec<NewEvent>,
}

impl Log {
    fn broken(&self) -> &NewEvent {
        self.events.iter().find(|event| event.schema.name == DEEP).unwrap()
    }
}

/// A log with metadata that nests deeper than it is read, as earlier releases wrote it.
async fn log() -> Log {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let store = Store::new(SqliteStore::open(&file).await.unwrap());
    let events: Vec<_> = (1..=EVENTS).map(event).collect();
    for event in &events {
        store.append(append(event.clone())).await.unwrap();
    }
    let deep = format!("{{\"extra\":{{\"note\":{}1{}}}}}", "[".repeat(300), "]".repeat(300));
    let changed = Connection::open(&file).unwrap().execute(
        "UPDATE es_events SET metadata = ?1 WHERE position = ?2",
        (deep, BROKEN.cast_signed()),
    );
    assert_eq!(changed.unwrap(), 1);
    Log { _folder: folder, store, events }
}

fn append(event: NewEvent) -> Append {
    Append::to(child::stream(0), ExpectedVersion::Any).event(event)
}

/// The positions that `read` yields, and the event that ends it.
async fn positions(store: &Store, read: Read) -> (Vec<u64>, Option<(EventId, u64)>) {
    let mut events = store.read(read);
    let mut positions = Vec::new();
    loop {
        match events.next().await {
            None => return (positions, None),
            Some(Ok(event)) => positions.push(event.position.get()),
            Some(Err(error)) => {
                assert_eq!(error.kind(), ErrorKind::Undecodable, "{error:?}");
                let details = error.undecodable_details().unwrap().clone();
                assert_eq!(details.stream, Some(child::stream(0)));
                assert!(events.next().await.is_none(), "it has ended");
                return (positions, details.event.zip(details.position.map(Position::get)));
            }
        }
    }
}

#[tokio::test]
async fn the_events_before_it_are_given_and_then_its_place() {
    let log = log().await;
    let broken = Some((log.broken().id, BROKEN));
    let thirds = || Read::all().matching(Query::tagged(tag()));
    for (read, before) in [
        (Read::all(), (1..BROKEN).collect()),
        (Read::all().backward(), (BROKEN + 1..=EVENTS).rev().collect()),
        (Read::all().after(Position::new(BROKEN - 1)), vec![]),
        (Read::stream(child::stream(0)), (1..BROKEN).collect()),
        (Read::category(child::stream(0).category().clone()), (1..BROKEN).collect()),
        (thirds(), vec![1, 4, 7]),
        (thirds().backward(), vec![19, 16, 13]),
        (Read::event(log.broken().id), vec![]),
    ] {
        assert_eq!(positions(&log.store, read.clone()).await, (before, broken), "{read:?}");
    }
    let behind = Read::all().after(Position::new(BROKEN));
    assert_eq!(positions(&log.store, behind).await, ((BROKEN + 1..=EVENTS).collect(), None));
    let others =
        Read::event(log.broken().id).matching(Query::tagged(Tag::new("another", "one").unwrap()));
    assert_eq!(positions(&log.store, others).await, (vec![], None), "nobody asked for it");
}

#[tokio::test]
async fn appends_need_not_read_it() {
    let log = log().await;
    let again = log.broken().clone();
    let receipt = log.store.append(append(again)).await.unwrap();
    assert!(receipt.replayed && receipt.last.get() == BROKEN);
    for (query, after, found) in [
        (Query::tagged(tag()), 0, Some(19)),
        (Query::tagged(deep_tag()), 0, Some(BROKEN)),
        (Query::tagged(deep_tag()), BROKEN, None),
        (Query::any().of_types([DEEP]), 0, Some(BROKEN)),
        (Query::any().of_types([DEEP]), BROKEN, None),
    ] {
        let new = append(child::event("new")).unless(query.clone(), Position::new(after));
        let refused = log.store.append(new).await.err();
        let told = refused.as_ref().map(|error| error.condition_failed().unwrap().found.get());
        assert_eq!(told, found, "{query:?}: {refused:?}");
    }
}
