//! Whatever panics is contained: an event that cannot even be decoded is parked, and a worker
//! that went down comes back.

use std::time::Duration;

use es_core::{BoxError, CheckpointStore, DeadLetterStore, Event, Position, Recorded, StreamId};
use es_projection::{IdempotencyKey, Policy, Projection, Reactor, Runner, State};
use es_store_memory::{MemoryCheckpointStore, MemoryReadModel, MemoryTx};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    ledger::{
        Ledger, NOTES, NoteEvent, assert_complete, assert_complete_but, row, store, until, write,
        write_many,
    },
    slices::held,
    spoilt::{Call, Fault, Spoilt},
};

/// A number whose decoding panics at 13.
#[derive(Serialize)]
struct Number(u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(deserializer)?;
        assert!(number != 13, "bad luck");
        Ok(Self(number))
    }
}

/// The notes of the other tests, as this program reads them.
#[derive(Event)]
#[event(prefix = "note")]
enum Unlucky {
    Written { number: Number },
}

struct Reads;

impl Projection for Reads {
    const NAME: &'static str = "reads";
    type Event = Unlucky;
    type Tx = MemoryTx;

    async fn apply(&self, event: &Recorded<Unlucky>, tx: &mut MemoryTx) -> Result<(), BoxError> {
        let Unlucky::Written { number } = &event.event;
        tx.put(&NOTES, event.position.to_string(), vec![number.0])?;
        Ok(())
    }
}

impl Reactor for Reads {
    const NAME: &'static str = "reads";
    type Event = Unlucky;

    async fn react(&self, _: &Recorded<Unlucky>, _: &IdempotencyKey) -> Result<(), BoxError> {
        Ok(())
    }
}

#[tokio::test]
async fn an_event_whose_decoding_panics_is_parked_and_nobody_else_waits() {
    let (store, model) = (store(), MemoryReadModel::new());
    for number in [11, 12, 13, 14, 15] {
        let stream = StreamId::new("note", number).unwrap();
        let event = NoteEvent::Written { number };
        let append = es_core::Append::to(stream, es_core::ExpectedVersion::Any).event(event);
        store.append(append).await.unwrap();
    }
    let letters = MemoryCheckpointStore::new();
    let running = Runner::new(store.clone())
        .project(Reads, model.clone())
        .react_with(Reads, letters.clone(), Policy::default().with_batch(3))
        .start();
    // One name each.
    assert!(running.is_err());
    for is_reactor in [false, true] {
        let runner = Runner::new(store.clone());
        let policy = Policy::default().with_batch(3);
        let runner = match is_reactor {
            false => runner.project_with(Reads, model.clone(), policy),
            true => runner.react_with(Reads, letters.clone(), policy),
        };
        let running = runner.start().unwrap();
        let status = until(&running, "reads", |status| {
            status.position.get() == 5 && status.state == State::Live
        });
        assert_eq!(status.await.parked, 1);
        let parked = running.dead_letters("reads", Position::START, 9).await.unwrap();
        assert_eq!(parked[0].position.get(), 3);
        assert_eq!(parked[0].cause.as_deref(), Some("decoding panicked: bad luck"));
    }
    assert_eq!(
        [row(&model, "2"), row(&model, "3"), row(&model, "4")],
        [vec![12], vec![], vec![14]]
    );
    let name = es_core::SubscriberName::from_static("reads-v1");
    assert_eq!(letters.dead_letters(&name, Position::START, 9).await.unwrap().len(), 1);
    assert_eq!(letters.checkpoint(&name).await.unwrap().unwrap().position.get(), 5);
}

/// A read model is others' code too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_panics_comes_back_to_its_slice() {
    let (store, model) = (store(), Spoilt::new());
    let policy = Policy::default().with_slices(4);
    let running = Runner::new(store.clone())
        .with_lease(Duration::from_secs(2))
        .project_with(Ledger::new(), model.clone(), policy)
        .start()
        .unwrap();
    until(&running, "notes", |status| held(status) == 4).await;
    model.plan(|call, count| (call == Call::Commit && count == 1).then_some(Fault::Panic));
    write_many(&store, 40, 20).await;
    let receipt = write(&store, 1).await;
    running.wait_for("notes", &receipt, Duration::from_secs(30)).await.unwrap();
    assert!(model.count(Call::Commit) > 1, "a commit has panicked");
    until(&running, "notes", |status| held(status) == 4).await;
    assert_complete(&store, &model.inner).await;
}

/// Claiming again and again is not getting on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_panics_each_time_is_not_well() {
    let (store, model) = (store(), Spoilt::new());
    model.plan(|call, _| (call == Call::Commit).then_some(Fault::Panic));
    write(&store, 1).await;
    let running = Runner::new(store.clone())
        .with_stuck_after(Duration::from_millis(500))
        .project(Ledger::new(), model.clone())
        .start()
        .unwrap();
    until(&running, "notes", |status| status.health.is_unhealthy()).await;
    let commits = model.count(Call::Commit);
    // It has claimed once more by then.
    let again = until(&running, "notes", |_| model.count(Call::Commit) > commits).await;
    assert!(again.health.is_unhealthy(), "{again:?}");
}

/// An error that cannot be written down.
#[derive(Debug)]
struct Unspeakable;

impl std::fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("no words")
    }
}

impl std::error::Error for Unspeakable {}

#[tokio::test]
async fn an_error_that_panics_when_it_is_told_parks_its_event_alone() {
    let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    let bad: StreamId = "note/1".parse().unwrap();
    ledger.says(move |event| if event.stream == bad { Err(Unspeakable.into()) } else { Ok(()) });
    write_many(&store, 9, 3).await;
    let running = Runner::new(store.clone()).project(ledger, model.clone()).start().unwrap();
    until(&running, "notes", |status| status.position.get() == 9).await;
    assert_complete_but(&store, &model, &["note/1"]).await;
    let letters = running.dead_letters("notes", Position::START, 9).await.unwrap();
    let cause = letters[0].cause.as_deref().unwrap();
    assert!(cause.contains("no words"), "{cause}");
    assert_eq!(letters.len(), 3, "and those behind it");
}

#[tokio::test]
async fn a_judge_that_panics_has_not_said_that_it_is_temporary() {
    let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    ledger.fails_on("note/1");
    write_many(&store, 9, 3).await;
    let policy = Policy::default().with_temporary(|_| panic!("no idea"));
    let running =
        Runner::new(store.clone()).project_with(ledger, model.clone(), policy).start().unwrap();
    until(&running, "notes", |status| status.position.get() == 9).await;
    assert_complete_but(&store, &model, &["note/1"]).await;
    let letters = running.dead_letters("notes", Position::START, 9).await.unwrap();
    assert_eq!((letters.len(), letters[0].attempts), (3, 1));
}

/// Panics before there is a future.
struct AtOnce;

impl Projection for AtOnce {
    const NAME: &'static str = "at-once";
    type Event = NoteEvent;
    type Tx = MemoryTx;

    fn apply(
        &self,
        event: &Recorded<NoteEvent>,
        _: &mut MemoryTx,
    ) -> impl Future<Output = Result<(), BoxError>> + Send {
        assert!(event.position.get() != 2, "at once");
        std::future::ready(Ok(()))
    }

    fn apply_all(
        &self,
        events: &[Recorded<NoteEvent>],
        _: &mut MemoryTx,
    ) -> impl Future<Output = Result<(), BoxError>> + Send {
        assert!(events.iter().all(|event| event.position.get() != 2), "at once");
        std::future::ready(Ok(()))
    }
}

impl Reactor for AtOnce {
    const NAME: &'static str = "at-once";
    type Event = NoteEvent;

    fn react(
        &self,
        event: &Recorded<NoteEvent>,
        _: &IdempotencyKey,
    ) -> impl Future<Output = Result<(), BoxError>> + Send {
        assert!(event.position.get() != 2, "at once");
        std::future::ready(Ok(()))
    }
}

#[tokio::test]
async fn a_handler_that_panics_before_it_has_begun_parks_its_event_alone() {
    let store = store();
    write_many(&store, 3, 3).await;
    for is_reactor in [false, true] {
        let runner = Runner::new(store.clone());
        let runner = match is_reactor {
            false => runner.project(AtOnce, MemoryReadModel::new()),
            true => runner.react(AtOnce, MemoryCheckpointStore::new()),
        };
        let running = runner.start().unwrap();
        let status = until(&running, "at-once", |status| status.position.get() == 3).await;
        assert_eq!(status.parked, 1);
        let letters = running.dead_letters("at-once", Position::START, 9).await.unwrap();
        assert_eq!(letters[0].cause.as_deref(), Some("the handler panicked: at once"));
    }
}
