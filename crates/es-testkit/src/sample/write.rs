//! Short forms for what the cases write.

use es_core::{
    Append, Category, ErrorKind, Event, EventType, ExpectedVersion, Key, NewEvent, Payload,
    Receipt, Schema, Store, StreamId, Tag, Tenant, Version,
};

/// The stream of the account `key`.
pub(crate) fn stream(key: &str) -> StreamId {
    StreamId::new("account", key).unwrap()
}

pub(crate) fn category(name: &str) -> Category {
    Category::new(name).unwrap()
}

pub(crate) fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

pub(crate) fn tenant(name: &str) -> Tenant {
    Tenant::new(name).unwrap()
}

pub(crate) fn tag(name: &str, value: impl std::fmt::Display) -> Tag {
    Tag::new(name, value).unwrap()
}

pub(crate) fn version(number: u64) -> Version {
    Version::new(number).unwrap()
}

pub(crate) fn schema(name: &str, version: u32) -> Schema {
    Schema::new(EventType::new(name).unwrap(), version)
}

/// An event of the type `name` under a new id.
pub(crate) fn event(name: &str) -> NewEvent {
    NewEvent::raw(schema(name, 1), Payload::json(&1).unwrap())
}

/// A typed event, encoded under a new id.
pub(crate) fn typed<E: Event>(event: &E) -> NewEvent {
    NewEvent::of(event).unwrap()
}

/// So many events, numbered by their payload.
pub(crate) fn many(count: usize) -> Vec<NewEvent> {
    (0..count).map(|n| NewEvent::raw(schema("noted", 1), Payload::json(&n).unwrap())).collect()
}

/// An event whose payload is JSON of exactly `size` bytes.
pub(crate) fn filler(size: usize) -> NewEvent {
    let text = "x".repeat(size - 2); // the quotes
    NewEvent::raw(schema("filled", 1), Payload::json(&text).unwrap())
}

/// Begins an append to the account `key`.
pub(crate) fn to(key: &str, expected: ExpectedVersion) -> Append {
    Append::to(stream(key), expected)
}

/// Appends the events to the account `key`, whatever is there. An outcome that is not known is
/// settled by appending the same again: where a machine stood still for longer than a store
/// waits, to say so is no fault of the store.
pub(crate) async fn put(store: &Store, key: &str, events: Vec<NewEvent>) -> Receipt {
    let append = || store.append(to(key, ExpectedVersion::Any).events(events.clone()));
    let mut answer = append().await;
    for _ in 0..3 {
        if answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::OutcomeUnknown) {
            answer = append().await;
        }
    }
    answer.expect("an append to any version succeeds")
}
