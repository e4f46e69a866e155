//! What a subscriber's type does not know is never skipped silently, and events that an
//! upcaster split stay whole.

use es_core::{
    Append, Category, Event, ExpectedVersion, NewEvent, Payload, Position, Schema, StreamId,
};
use es_projection::{OnFailure, Policy, Runner, Scope};
use es_store_memory::MemoryReadModel;

use crate::ledger::{Ledger, NoteEvent, parked, row, store, write, write_many};

async fn write_unknown(store: &es_core::Store, name: &'static str, version: u32, key: &str) {
    let event = NewEvent::raw(Schema::from_static(name, version), Payload::json(&1).unwrap());
    let stream = StreamId::new("note", key).unwrap();
    store.append(Append::to(stream, ExpectedVersion::Any).event(event)).await.unwrap();
}

#[tokio::test]
async fn an_unknown_type_is_parked_where_everything_was_asked_for_even_if_failures_are_skipped() {
    let (store, model, mut ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    write_many(&store, 2, 2).await;
    write_unknown(&store, "note.translated", 1, "0").await; // at position 3
    write_unknown(&store, NoteEvent::SCHEMAS[0].name.to_string().leak(), 9, "1").await;
    write_many(&store, 2, 2).await;
    ledger.scope = Scope::category(Category::from_static("note"));
    let policy = Policy::default().with_on_failure(OnFailure::Skip("whatever".to_owned()));
    let mut runner = Runner::new(store.clone()).project_with(ledger, model.clone(), policy);
    runner.catch_up().await.unwrap();
    assert_eq!(parked(&model).await, [3, 4, 5, 6]);

    let model = MemoryReadModel::new();
    let policy = Policy::default().with_on_failure(OnFailure::Stop);
    let mut runner = Runner::new(store.clone()).project_with(Ledger::new(), model.clone(), policy);
    let error = runner.catch_up().await.unwrap_err().to_string();
    assert!(error.contains("position 4"), "the known name in an unknown version: {error}");
    assert_eq!(row(&model, "note/0"), [1], "the unknown name was none of its business");
}

#[tokio::test]
async fn an_unknown_type_stops_where_failures_are_to_stop() {
    let (store, model, mut ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    write_many(&store, 2, 1).await;
    write_unknown(&store, "note.translated", 1, "0").await; // at position 3
    write_many(&store, 2, 1).await;
    ledger.scope = Scope::category(Category::from_static("note"));
    let policy = Policy::default().with_on_failure(OnFailure::Stop);
    let mut runner = Runner::new(store).project_with(ledger, model.clone(), policy);
    for attempt in 1..=2 {
        let error = runner.catch_up().await.unwrap_err().to_string();
        assert!(error.contains("position 3"), "attempt {attempt}: {error}");
        assert_eq!(row(&model, "note/0"), [1, 2], "what is before it is there");
        assert_eq!(parked(&model).await, [0; 0]);
    }
}

/// One recorded event becomes two; the second of them fails once.
#[tokio::test]
async fn the_parts_of_a_split_event_take_effect_together() {
    use es_core::Upcasters;
    let (plain, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    write(&plain, "a").await;
    write_unknown(&plain, "note.both", 1, "a").await;
    write(&plain, "a").await;
    let known = Schema::from_static("note.written", 1);
    let part = move || (known.clone(), Payload::json(&number()).unwrap());
    let upcasters = Upcasters::builder()
        .current::<NoteEvent>()
        .split(("note.both", 1), [("note.written", 1)], move |_| Ok(vec![part(), part()]))
        .build()
        .unwrap();
    let store = plain.clone().layer(&upcasters);
    let seen = std::sync::Mutex::new(0);
    ledger.says(move |event| {
        if event.position == Position::new(2) {
            let mut seen = seen.lock().unwrap();
            *seen += 1;
            if *seen % 2 == 0 && *seen < 6 {
                return Err("the second part".into());
            }
        }
        Ok(())
    });
    for batch in [1, 2, 100] {
        let model = if batch == 1 { model.clone() } else { MemoryReadModel::new() };
        let policy = Policy::default().with_batch(batch).with_temporary(|_| true);
        let runner = Runner::new(store.clone());
        let mut runner = runner.project_with(ledger.clone(), model.clone(), policy);
        runner.catch_up().await.unwrap();
        assert_eq!(row(&model, "note/a"), [1, 2, 2, 3], "batches of {batch}");
    }
}

/// The log is read in chunks; none of them ends between two parts of one event.
#[tokio::test]
async fn a_split_event_where_a_chunk_would_end_stays_whole() {
    use es_core::Upcasters;
    let (plain, model) = (store(), MemoryReadModel::new());
    for _ in 0..600 {
        write_unknown(&plain, "note.both", 1, "a").await;
    }
    let part = || (Schema::from_static("note.written", 1), Payload::json(&number()).unwrap());
    let upcasters = Upcasters::builder()
        .current::<NoteEvent>()
        .split(("note.both", 1), [("note.written", 1)], move |_| Ok(vec![part(), part(), part()]))
        .build()
        .unwrap();
    let store = plain.layer(&upcasters);
    Runner::new(store).project(Ledger::new(), model.clone()).catch_up().await.unwrap();
    let expected: Vec<u64> = (1..=600).flat_map(|version| [version; 3]).collect();
    assert_eq!(row(&model, "note/a"), expected);
}

/// The payload of a note.
fn number() -> std::collections::BTreeMap<&'static str, u64> {
    [("number", 1)].into()
}
