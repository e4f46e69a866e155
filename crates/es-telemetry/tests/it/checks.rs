//! What the tests write, and where they look.

use es_core::{Append, ExpectedVersion, NewEvent, Payload, Recorded, Schema, Store, StreamId};
use es_store_memory::MemoryStore;
use es_telemetry::{Capture, SeenSpan};

pub(crate) fn store(capture: &Capture) -> Store {
    capture.telemetry().observe(Store::new(MemoryStore::new()))
}

pub(crate) fn stream(category: &str, key: &str) -> StreamId {
    StreamId::new(category, key).unwrap()
}

pub(crate) fn event() -> NewEvent {
    NewEvent::raw(Schema::from_static("noted", 1), Payload::json(&1).unwrap())
}

pub(crate) fn events(count: usize) -> Vec<NewEvent> {
    (0..count).map(|_| event()).collect()
}

/// Appends so many events to `category/a`.
pub(crate) async fn write(store: &Store, category: &str, count: usize) {
    let append = Append::to(stream(category, "a"), ExpectedVersion::Any).events(events(count));
    store.append(append).await.unwrap();
}

pub(crate) async fn all(store: &Store) -> Vec<Recorded> {
    store.read(es_core::Read::all()).into_vec().await.unwrap()
}

/// The one span of this name.
pub(crate) fn span(capture: &Capture, name: &str) -> SeenSpan {
    let mut spans = capture.spans();
    spans.retain(|span| span.name == name);
    assert_eq!(spans.len(), 1, "{name}: {:#?}", capture.spans());
    spans.remove(0)
}

pub(crate) fn attribute<'a>(span: &'a SeenSpan, name: &str) -> Option<&'a str> {
    span.attributes.get(name).map(String::as_str)
}
