//! What is kept, and that nothing is kept back from the store.

use es_core::{
    Append, ExpectedVersion, NewEvent, Payload, Position, Read, Schema, Store, StreamId,
};
use es_store_memory::MemoryStore;

use super::Recording;

fn recorded() -> (Recording, Store) {
    let recording = Recording::new();
    let store = Store::new(MemoryStore::new()).layer(&recording);
    (recording, store)
}

fn note(key: u32) -> Append {
    let event = NewEvent::raw(Schema::from_static("noted", 1), Payload::json(&key).unwrap());
    Append::to(StreamId::new("note", key).unwrap(), ExpectedVersion::NoStream).event(event)
}

#[tokio::test]
async fn each_kind_of_call_is_kept_in_order() {
    let (recording, store) = recorded();
    for key in 1..=2 {
        store.append(note(key)).await.unwrap();
    }
    store.append(note(1)).await.expect_err("the stream is there already");
    let events = store.read(Read::all().limit(5)).into_vec().await.unwrap();
    store.find(events[0].id).await.unwrap();
    store.head().await.unwrap();
    store.wait(Position::START).await.unwrap();
    store.durability().await.unwrap();

    let keys: Vec<_> = recording
        .appends()
        .iter()
        .map(|append| append.streams()[0].stream.key().as_str().to_owned())
        .collect();
    assert_eq!(keys, ["1", "2", "1"], "also one that was refused");
    let limits: Vec<_> = recording.reads().iter().map(|read| read.limit).collect();
    assert_eq!(limits, [Some(5), None]);
    assert_eq!(recording.waits(), [Position::START]);
    assert_eq!(recording.heads(), 1);
    assert_eq!(recording.asked().durabilities, 1);
    assert_eq!(events.len(), 2, "the calls reached the store");
}

#[tokio::test]
async fn what_was_taken_is_forgotten() {
    let (recording, store) = recorded();
    store.append(note(1)).await.unwrap();
    assert_eq!(recording.take().appends.len(), 1);
    assert_eq!(recording.appends().len(), 0);
    store.append(note(2)).await.unwrap();
    assert_eq!(recording.appends().len(), 1);
}

#[tokio::test]
async fn what_was_never_polled_was_never_asked() {
    let (recording, store) = recorded();
    drop(store.append(note(1)));
    assert_eq!(recording.appends().len(), 0);
}

#[test]
fn it_names_the_store_below() {
    let (_, store) = recorded();
    assert_eq!(store.to_string(), "memory with a recording");
    let twice = store.layer(&Recording::new());
    assert_eq!(twice.to_string(), "memory with a recording with a recording");
}
