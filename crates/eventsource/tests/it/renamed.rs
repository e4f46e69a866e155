//! The facade under another name, and a layer's part in a fold with the facade's names alone.

use eventsource::{self as facade};
use facade::{Backend, EventStore as _, FoldPage, FoldPages, FoldStream, MemoryStore, prelude::*};

/// As `facade = { package = "eventsource" }` would have it.
#[derive(Debug, PartialEq, facade::Event)]
#[event(crate = "crate::renamed::facade")]
enum NoteEvent {
    Written { text: String },
    Counted(u64),
}

/// What a layer does that changes nothing in between.
fn handed_on(inner: &Backend, read: Read) -> FoldStream {
    inner.read_to_fold(read)
}

#[tokio::test]
async fn events_are_derived_through_a_facade_of_another_name() {
    let store = Store::new(MemoryStore::new());
    let note = StreamId::new("note", 1).unwrap();
    let events = || [NoteEvent::Written { text: "milk".to_owned() }, NoteEvent::Counted(2)];
    let append = Append::to(note.clone(), ExpectedVersion::NoStream).events(events());
    store.append(append).await.unwrap();
    drop(handed_on(store.backend(), Read::stream(note.clone())));
    let mut pages: FoldPages = store.read_to_fold(Read::stream(note));
    let page: FoldPage = pages.next().await.unwrap().unwrap();
    let decoded: Vec<_> = page.events().map(|event| event.decode::<NoteEvent>().unwrap()).collect();
    assert_eq!(decoded, events());
}
