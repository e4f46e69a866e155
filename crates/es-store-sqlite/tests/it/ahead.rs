//! Conditions that reach far back are looked at before the append: they must say the same.

use es_core::{
    Append, ErrorKind, EventType, ExpectedVersion, NewEvent, Payload, Position, Query, Receipt,
    Result, Schema, Store, Tag,
};
use es_store_sqlite::SqliteStore;

use crate::child;

const RARE: EventType = EventType::from_static("rare");

/// Two handles on one file with more events than a near condition goes through.
async fn long_log(folder: &tempfile::TempDir) -> (Store, Store) {
    let file = folder.path().join("log.db");
    let store = Store::new(SqliteStore::open(&file).await.unwrap());
    much(&store).await;
    (store, Store::new(SqliteStore::open(&file).await.unwrap()))
}

async fn much(store: &Store) {
    for stream in 0..3 {
        let events: Vec<_> = (0..900).map(|_| child::event("much")).collect();
        let append = Append::to(child::stream(stream), ExpectedVersion::Any).events(events);
        store.append(append).await.unwrap();
    }
}

fn rare() -> NewEvent {
    let event = NewEvent::raw(Schema::new(RARE, 1), Payload::json(&1).unwrap());
    event.with_tag("kind:rare".parse::<Tag>().unwrap()).with_tag("size:one".parse().unwrap())
}

/// An append that two conditions guard, one by type and one by two tags.
fn guarded(event: NewEvent) -> Append {
    let tag = |text: &str| text.parse::<Tag>().unwrap();
    let tagged = Query::tagged(tag("kind:rare")).and_tagged(tag("size:one"));
    Append::to(child::stream(7), ExpectedVersion::Any)
        .event(event)
        .unless(Query::any().of_types([RARE]), Position::START)
        .unless(tagged, Position::START)
}

fn found(refused: Result<Receipt>) -> Position {
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConditionFailed, "{error}");
    error.condition_failed().unwrap().found
}

#[tokio::test]
async fn a_condition_that_reaches_far_back_sees_all_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let (store, other) = long_log(&folder).await;
    store.append(guarded(child::event("else"))).await.unwrap();
    // Behind the head that this handle knows of.
    let plain = Append::to(child::stream(7), ExpectedVersion::Any).event(rare());
    let at = other.append(plain).await.unwrap().last;
    assert_eq!(found(store.append(guarded(rare())).await), at);
    // And now it lies far back.
    much(&other).await;
    assert_eq!(found(store.append(guarded(rare())).await), at);
    much(&store).await;
    assert_eq!(found(store.append(guarded(rare())).await), at);
}

#[tokio::test]
async fn a_repetition_is_known_before_its_condition_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _other) = long_log(&folder).await;
    let first = rare();
    let receipt = store.append(guarded(first.clone())).await.unwrap();
    let again = store.append(guarded(first)).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.last, receipt.last);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_wins_under_the_same_condition_that_reaches_far_back() {
    let folder = tempfile::tempdir().unwrap();
    let (store, other) = long_log(&folder).await;
    let race = |number: u64| {
        let store = if number.is_multiple_of(2) { store.clone() } else { other.clone() };
        tokio::spawn(async move { store.append(guarded(rare())).await })
    };
    let mut won = Vec::new();
    let mut lost = Vec::new();
    for answer in (0..16).map(race).collect::<Vec<_>>() {
        match answer.await.unwrap() {
            Ok(receipt) => won.push(receipt.last),
            refused => lost.push(found(refused)),
        }
    }
    assert_eq!(won.len(), 1, "{won:?}");
    assert_eq!(lost, vec![won[0]; 15]);
}
