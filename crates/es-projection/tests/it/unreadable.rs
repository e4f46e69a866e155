//! An event that an upcaster fails on is the business of those who want it, and of nobody
//! else who takes from the same reading.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use es_core::{
    Append, BoxError, Category, DeadLetterStore, Event, EventType, ExpectedVersion, NewEvent,
    Payload, Position, Query, Recorded, Schema, Store, StreamId, SubscriberName, Upcasters,
};
use es_projection::{IdempotencyKey, OnFailure, Policy, Reactor, Runner, Scope, State};
use es_store_memory::{MemoryCheckpointStore, MemoryReadModel};

use crate::ledger::{Ledger, NoteEvent, parked, row, store, until, write};

const LONG: Duration = Duration::from_secs(30);

#[derive(Debug, Event)]
#[event(prefix = "bell")]
enum BellEvent {
    Rung,
}

/// Wants bells and nothing else.
struct Bells;

impl Reactor for Bells {
    const NAME: &'static str = "bells";
    type Event = BellEvent;

    async fn react(&self, _: &Recorded<BellEvent>, _: &IdempotencyKey) -> Result<(), BoxError> {
        Ok(())
    }
}

/// A log in which old notes are called scribbles, and some of them are illegible until they
/// are repaired.
pub(crate) fn upcast(plain: &Store, is_repaired: &Arc<AtomicBool>) -> Store {
    let is_repaired = Arc::clone(is_repaired);
    let upcasters = Upcasters::builder()
        .current::<NoteEvent>()
        .replace(("note.scribbled", 1), ("note.written", 1), move |payload: Payload| {
            let text = String::from_utf8_lossy(payload.bytes()).into_owned();
            match text.as_str() {
                "\"panic\"" if !is_repaired.load(Ordering::SeqCst) => panic!("torn paper"),
                "\"illegible\"" if !is_repaired.load(Ordering::SeqCst) => Err("illegible".into()),
                _ => Ok(Payload::json(&serde_json::json!({ "number": 1 }))?),
            }
        })
        .build()
        .unwrap();
    plain.clone().layer(&upcasters)
}

pub(crate) async fn scribble(plain: &Store, key: u64, text: &str) {
    let event =
        NewEvent::raw(Schema::from_static("note.scribbled", 1), Payload::json(text).unwrap());
    let stream = StreamId::new("note", key).unwrap();
    plain.append(Append::to(stream, ExpectedVersion::Any).event(event)).await.unwrap();
}

async fn ring(plain: &Store) {
    let stream = StreamId::new("bell", "front").unwrap();
    let append = Append::to(stream, ExpectedVersion::Any).event(BellEvent::Rung);
    plain.append(append).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_parked_by_those_who_want_it_and_stops_nobody() {
    for slices in [1, 3] {
        let (plain, model, bells) = (store(), MemoryReadModel::new(), MemoryCheckpointStore::new());
        let is_repaired = Arc::new(AtomicBool::new(false));
        let store = upcast(&plain, &is_repaired);
        for key in 0..20 {
            write(&plain, key).await;
        }
        scribble(&plain, 3, "fine").await; // 21
        scribble(&plain, 3, "illegible").await; // 22
        write(&plain, 3).await; // 23
        scribble(&plain, 3, "illegible").await; // 24, behind one that is parked
        ring(&plain).await; // 25
        let running = Runner::new(store.clone())
            .project_with(Ledger::new(), model.clone(), Policy::default().with_slices(slices))
            .react(Bells, bells.clone())
            .start()
            .unwrap();
        for name in ["notes", "bells"] {
            until(&running, name, |status| {
                status.position.get() == 25 && status.state == State::Live
            })
            .await;
        }
        scribble(&plain, 4, "panic").await; // 26, live
        let receipt = write(&plain, 5).await; // 27
        running.wait_for("notes", &receipt, LONG).await.unwrap();
        running.wait_for("bells", &receipt, LONG).await.unwrap();
        let letters = running.dead_letters("notes", Position::START, 10).await.unwrap();
        let positions: Vec<u64> = letters.iter().map(|letter| letter.position.get()).collect();
        assert_eq!(positions, [22, 23, 24, 26]);
        let cause = letters[0].cause.as_deref().unwrap();
        assert!(cause.contains("position 22") && cause.ends_with("illegible"), "{cause}");
        let cause = letters[3].cause.as_deref().unwrap();
        assert!(cause.ends_with("the upcaster panicked: torn paper"), "{cause}");
        assert_eq!((letters[1].attempts, letters[2].attempts), (0, 0), "they wait");
        let theirs = SubscriberName::from_static("bells-v1");
        assert!(bells.dead_letters(&theirs, Position::START, 9).await.unwrap().is_empty());

        // Still broken: told, and nothing moves. A restart right behind it goes on.
        let retried = running.retry_parked("notes", None).await.unwrap();
        assert_eq!((retried.handled, retried.still_parked), (0, 4));
        running.stop(LONG).await;
        let policy = Policy::default().with_slices(slices);
        let running =
            Runner::new(store).project_with(Ledger::new(), model.clone(), policy).start().unwrap();
        let receipt = write(&plain, 6).await;
        running.wait_for("notes", &receipt, LONG).await.unwrap();
        is_repaired.store(true, Ordering::SeqCst);
        let retried = running.retry_parked("notes", None).await.unwrap();
        assert_eq!((retried.handled, retried.still_parked), (4, 0));
        assert_eq!(row(&model, "note/3"), [1, 2, 3, 4, 5]);
        assert_eq!(row(&model, "note/4"), [1, 2]);
    }
}

#[tokio::test]
async fn a_policy_may_stop_in_front_of_it_or_skip_it() {
    let (plain, model) = (store(), MemoryReadModel::new());
    let is_repaired = Arc::new(AtomicBool::new(false));
    let store = upcast(&plain, &is_repaired);
    write(&plain, 1).await;
    scribble(&plain, 1, "illegible").await;
    write(&plain, 1).await;
    let stop = Policy::default().with_on_failure(OnFailure::Stop);
    let mut ledger = Ledger::new();
    ledger.scope = Scope::category(Category::from_static("note"));
    let mut runner = Runner::new(store.clone()).project_with(ledger.clone(), model.clone(), stop);
    let error = runner.catch_up().await.unwrap_err();
    assert!(error.to_string().contains("stops at position 2"), "{error}");
    assert_eq!(row(&model, "note/1"), [1]);
    let skip = Policy::default().with_on_failure(OnFailure::Skip("lost in 2019".to_owned()));
    let mut runner = Runner::new(store).project_with(ledger, model.clone(), skip);
    runner.catch_up().await.unwrap();
    assert_eq!(row(&model, "note/1"), [1, 3]);
    let skipped = model.skipped(&crate::ledger::subscriber(), Position::START, 9).await.unwrap();
    assert_eq!((skipped[0].0.position.get(), skipped[0].1.as_str()), (2, "lost in 2019"));
    assert_eq!(parked(&model).await, [0; 0]);
}

/// The one that was handled last cannot be read any more: it is there all the same, so the
/// log is the same log.
#[tokio::test]
async fn an_upcaster_that_breaks_later_is_no_other_history() {
    let (plain, model) = (store(), MemoryReadModel::new());
    let is_repaired = Arc::new(AtomicBool::new(true));
    let store = upcast(&plain, &is_repaired);
    scribble(&plain, 1, "illegible").await;
    let mut runner = Runner::new(store).project(Ledger::new(), model.clone());
    runner.catch_up().await.unwrap();
    is_repaired.store(false, Ordering::SeqCst);
    write(&plain, 1).await;
    runner.catch_up().await.unwrap();
    assert_eq!(row(&model, "note/1"), [1, 2]);
}

/// More names than one query may say: it is asked for in parts, and for nothing else.
#[tokio::test]
async fn a_scope_of_many_names_parks_what_it_wants_and_passes_over_the_rest() {
    let (plain, model) = (store(), MemoryReadModel::new());
    let store = upcast(&plain, &Arc::new(AtomicBool::new(false)));
    let others = (0..300).map(|number| EventType::new(format!("other.{number}")).unwrap());
    let others: Vec<_> = others.collect();
    write(&plain, 1).await;
    scribble(&plain, 2, "illegible").await;
    write(&plain, 3).await;
    let mut ledger = Ledger::new();
    ledger.scope = Scope::matching(Query::any().of_types(others.clone()));
    let mut runner = Runner::new(store.clone()).project(ledger.clone(), model.clone());
    let caught_up = runner.catch_up().await.unwrap();
    let told = (caught_up[0].position.get(), caught_up[0].handled, caught_up[0].parked);
    assert_eq!(told, (3, 0, 0), "none of its business");

    let model = MemoryReadModel::new();
    let names = others.into_iter().chain([EventType::from_static("note.written")]);
    ledger.scope = Scope::matching(Query::any().of_types(names));
    let mut runner = Runner::new(store).project(ledger, model.clone());
    runner.catch_up().await.unwrap();
    assert_eq!(parked(&model).await, [2]);
    assert_eq!((row(&model, "note/1"), row(&model, "note/3")), (vec![1], vec![1]));
}
