//! Going back: rows, checkpoint and dead letters in one commit, whatever fails.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use es_core::{
    BoxError, DeadLetterStore, ErrorKind, Owner, Position, Receipt, Recorded, Store,
    SubscriberName, Timestamp,
};
use es_projection::{
    IdempotencyKey, Policy, Projection, Reactor, Replay, ReplayFrom, Runner, State, WaitError,
    react_again, replay,
};
use es_store_memory::{MemoryCheckpointStore, MemoryReadModel, MemoryStore, MemoryTx, Table};
use es_testkit::ManualClock;

use crate::{
    ledger::{NoteEvent, store, until, write, write_many},
    spoilt::{Call, Fault, Spoilt},
};

const LONG: Duration = Duration::from_secs(30);

/// By position: how often the event was written.
const WRITTEN: Table<u64, u64> = Table::new("written");

/// Counts how often each event is written, and can take that back.
#[derive(Clone)]
struct Places {
    model: MemoryReadModel,
    fails_at: Arc<AtomicUsize>,
    refuses: Arc<AtomicBool>,
    /// A log that somebody else tries to work on while the rows are cleared.
    beside: Option<Store>,
}

impl Places {
    fn new(model: &MemoryReadModel) -> Self {
        let (fails_at, refuses) = (Arc::default(), Arc::default());
        Self { model: model.clone(), fails_at, refuses, beside: None }
    }
}

impl Projection for Places {
    const NAME: &'static str = "places";
    type Event = NoteEvent;
    type Tx = MemoryTx;

    async fn apply(&self, event: &Recorded<NoteEvent>, tx: &mut MemoryTx) -> Result<(), BoxError> {
        let position = event.position.get();
        if self.fails_at.load(Ordering::SeqCst) as u64 == position {
            return Err("torn".into());
        }
        tx.update(&WRITTEN, position, |count| Some(count.unwrap_or(0) + 1))?;
        Ok(())
    }
}

impl Replay for Places {
    async fn clear(&self, after: Position, tx: &mut MemoryTx) -> Result<(), BoxError> {
        if self.refuses.load(Ordering::SeqCst) {
            return Err("not now".into());
        }
        for (position, _) in self.model.rows(&WRITTEN)? {
            if position > after.get() {
                tx.delete(&WRITTEN, &position)?;
            }
        }
        if let Some(store) = &self.beside {
            let others = Self { beside: None, ..self.clone() };
            let policy = Policy::default().with_slices(3);
            let mut runner =
                Runner::new(store.clone()).project_with(others, self.model.clone(), policy);
            let told = runner.catch_up().await.unwrap_err();
            assert_eq!(told.kind(), ErrorKind::Busy, "it does nothing: {told}");
        }
        Ok(())
    }
}

/// Panics unless each event up to `head` is written once, but for these.
fn assert_once(model: &MemoryReadModel, head: u64, but: &[u64]) {
    let rows: BTreeMap<u64, u64> = model.rows(&WRITTEN).unwrap().into_iter().collect();
    let wanted = (1..=head).filter(|position| !but.contains(position)).map(|p| (p, 1));
    assert_eq!(rows, wanted.collect());
}

async fn parked(model: &MemoryReadModel) -> Vec<u64> {
    let name = SubscriberName::from_static("places-v1");
    let letters = model.dead_letters(&name, Position::START, 100).await.unwrap();
    letters.iter().map(|letter| letter.position.get()).collect()
}

#[tokio::test]
async fn it_goes_back_to_the_start_a_position_or_a_time() {
    let clock = ManualClock::at(Timestamp::from_seconds(1_000));
    let store = Store::new(MemoryStore::with_clock(clock.source()));
    let model = MemoryReadModel::new();
    let places = Places::new(&model);
    for _ in 0..20 {
        write(&store, 1).await;
        clock.advance(Duration::from_secs(1));
    }
    let mut runner = Runner::new(store.clone()).project(places.clone(), model.clone());
    runner.catch_up().await.unwrap();
    let seconds = |seconds| ReplayFrom::Time(Timestamp::from_seconds(seconds));
    for (from, after) in [
        (ReplayFrom::Start, 0),
        (ReplayFrom::Position(Position::new(15)), 14),
        (ReplayFrom::Position(Position::new(900)), 20),
        (ReplayFrom::Position(Position::START), 0),
        (seconds(1_012), 12),
        (seconds(0), 0),
        (seconds(9_999), 20),
    ] {
        let replayed = replay(&store, &places, &model, from).await.unwrap();
        assert_eq!(replayed.after.get(), after, "{from:?}");
        assert_eq!(model.rows(&WRITTEN).unwrap().len() as u64, after, "what comes again is gone");
        assert_eq!(runner.catch_up().await.unwrap()[0].handled, 20 - after);
        assert_once(&model, 20, &[]);
    }
}

#[tokio::test]
async fn dead_letters_that_come_again_are_forgotten_and_earlier_ones_stay() {
    let (store, model) = (store(), MemoryReadModel::new());
    let places = Places::new(&model);
    places.fails_at.store(5, Ordering::SeqCst);
    write_many(&store, 20, 4).await;
    let mut runner = Runner::new(store.clone()).project(places.clone(), model.clone());
    runner.catch_up().await.unwrap();
    assert_eq!(parked(&model).await, [5, 9, 13, 17]);

    // From behind the event at fault: the stream waits on, and what comes again waits again.
    let from = |position| ReplayFrom::Position(Position::new(position));
    replay(&store, &places, &model, from(10)).await.unwrap();
    assert_eq!(parked(&model).await, [5, 9]);
    runner.catch_up().await.unwrap();
    assert_eq!(parked(&model).await, [5, 9, 13, 17]);
    assert_once(&model, 20, &[5, 9, 13, 17]);

    // From the event at fault, which is no longer at fault.
    places.fails_at.store(0, Ordering::SeqCst);
    replay(&store, &places, &model, from(5)).await.unwrap();
    runner.catch_up().await.unwrap();
    assert_eq!(parked(&model).await, [0; 0]);
    assert_once(&model, 20, &[]);

    places.refuses.store(true, Ordering::SeqCst);
    let error = replay(&store, &places, &model, ReplayFrom::Start).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fault);
    assert_eq!(runner.catch_up().await.unwrap()[0].handled, 0, "nothing has changed");
    assert_once(&model, 20, &[]);
}

/// Under load, with workers that go on by themselves, and with those that are asked to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_works_is_fenced_and_goes_on_from_there() {
    for slices in [1, 4] {
        let (store, model) = (store(), MemoryReadModel::new());
        let places = Places::new(&model);
        write_many(&store, 2_000, 40).await;
        let start = |lease: bool| {
            let runner = Runner::new(store.clone()).owned_by(Owner::new("worker"));
            let policy = Policy::default().with_batch(20).with_slices(slices);
            let runner = runner.project_with(places.clone(), model.clone(), policy);
            let runner = if lease { runner.with_lease(Duration::from_secs(1)) } else { runner };
            runner.start().unwrap()
        };
        let leased = start(true);
        for round in 0..10_u64 {
            let from = ReplayFrom::Position(Position::new(round * 190));
            loop {
                match replay(&store, &places, &model, from).await {
                    Ok(_) => break,
                    // A worker came between, and nothing has changed.
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Fenced, "{error}"),
                }
            }
            write_many(&store, 20, 40).await;
        }
        let receipt: Receipt = write(&store, 1).await;
        leased.wait_for("places", &receipt, LONG).await.unwrap();
        assert_once(&model, receipt.last.get(), &[]);
        leased.stop(LONG).await;

        let running = start(false);
        until(&running, "places", |status| status.lag.unwrap().events == 0).await;
        replay(&store, &places, &model, ReplayFrom::Start).await.unwrap();
        write(&store, 2).await;
        until(&running, "places", |status| status.state == State::Fenced).await;
        running.resume("places").unwrap();
        let last = receipt.last.get() + 1;
        until(&running, "places", |status| status.position.get() == last).await;
        running.stop(LONG).await;
        let mut runner = Runner::new(store.clone()).project_with(
            places.clone(),
            model.clone(),
            Policy::default().with_slices(slices),
        );
        runner.catch_up().await.unwrap();
        assert_once(&model, last, &[]);
    }
}

/// A crash at each call in turn, before and after it takes place: meanwhile nothing is written
/// twice, and run again it ends.
#[tokio::test]
async fn a_replay_that_breaks_off_anywhere_is_run_again() {
    for slices in [1, 3] {
        let (mut broken, mut told) = (0, 0);
        for call in [Call::Claim, Call::Look, Call::Advance, Call::Begin, Call::Commit] {
            for count in 1..=8 {
                let unknown = ErrorKind::OutcomeUnknown;
                for fault in [Fault::Before(ErrorKind::Unavailable), Fault::After(unknown)] {
                    let (store, model) = (store(), Spoilt::new());
                    let places = Places::new(&model.inner);
                    write_many(&store, 30, 6).await;
                    let policy = || Policy::default().with_slices(slices);
                    let mut runner = Runner::new(store.clone()).project_with(
                        places.clone(),
                        model.inner.clone(),
                        policy(),
                    );
                    runner.catch_up().await.unwrap();
                    model.plan(move |made, at| (made == call && at == count).then_some(fault));
                    let from = ReplayFrom::Position(Position::new(11));
                    let failed = replay(&store, &places, &model, from).await.is_err();
                    model.plan(|_, _| None);
                    if !failed {
                        continue;
                    }
                    broken += 1;
                    // Somebody who works on in between does no harm, or is told.
                    let mut between = Runner::new(store.clone()).project_with(
                        places.clone(),
                        model.inner.clone(),
                        policy(),
                    );
                    let ended = tokio::time::timeout(LONG, between.catch_up()).await;
                    if let Err(error) = ended.expect("it waits for what has broken off") {
                        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
                        told += 1;
                    }
                    let rows = model.inner.rows(&WRITTEN).unwrap();
                    assert!(rows.iter().all(|(_, count)| *count == 1), "{call:?} {count}");
                    let from = ReplayFrom::Position(Position::new(21));
                    replay(&store, &places, &model, from).await.unwrap();
                    write_many(&store, 6, 6).await;
                    runner.catch_up().await.unwrap();
                    assert_once(&model.inner, 36, &[]);
                }
            }
        }
        assert!(broken >= 8, "{broken} were broken off");
        assert_eq!(told > 0, slices > 1, "{told} were told of it");
    }
}

/// A worker that claims a slice while the rows are cleared does nothing before that is done.
#[tokio::test]
async fn nobody_works_on_slices_that_are_being_replayed() {
    let (store, model) = (store(), MemoryReadModel::new());
    let mut places = Places::new(&model);
    write_many(&store, 30, 6).await;
    let policy = Policy::default().with_slices(3);
    let mut runner = Runner::new(store.clone()).project_with(places.clone(), model.clone(), policy);
    runner.catch_up().await.unwrap();
    write_many(&store, 6, 6).await;
    places.beside = Some(store.clone());
    replay(&store, &places, &model, ReplayFrom::Position(Position::new(11))).await.unwrap();
    runner.catch_up().await.unwrap();
    assert_once(&model, 36, &[]);
}

#[derive(Clone, Default)]
struct Bells(Arc<AtomicUsize>);

impl Reactor for Bells {
    const NAME: &'static str = "bells";
    type Event = NoteEvent;

    async fn react(&self, _: &Recorded<NoteEvent>, _: &IdempotencyKey) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test]
async fn a_reactor_reacts_again_where_it_is_asked_to() {
    let (store, checkpoints) = (store(), MemoryCheckpointStore::new());
    let bells = Bells::default();
    write_many(&store, 10, 2).await;
    let mut runner = Runner::new(store.clone()).react(bells.clone(), checkpoints.clone());
    runner.catch_up().await.unwrap();
    let from = ReplayFrom::Position(Position::new(8));
    let replayed = react_again(&store, &bells, &checkpoints, from).await.unwrap();
    assert_eq!(replayed.to_string(), "bells-v1 goes on behind position 7");
    runner.catch_up().await.unwrap();
    assert_eq!(bells.0.load(Ordering::SeqCst), 13);
}

/// On one thread: nothing of the new work has begun when it is waited for.
#[tokio::test]
async fn where_it_was_before_a_replay_is_no_answer_behind_it() {
    let (store, model) = (store(), MemoryReadModel::new());
    let places = Places::new(&model);
    write_many(&store, 9, 3).await;
    let receipt = write(&store, 1).await;
    for drains in [false, true] {
        let mut runner = Runner::new(store.clone()).project(places.clone(), model.clone());
        runner.catch_up().await.unwrap();
        replay(&store, &places, &model, ReplayFrom::Start).await.unwrap();
        assert_eq!(model.rows(&WRITTEN).unwrap().len(), 0);
        let running = runner.start().unwrap();
        match drains {
            false => running.wait_for("places", &receipt, LONG).await.unwrap(),
            true => drop(running.drain(LONG).await.unwrap()),
        }
        assert_eq!(model.rows(&WRITTEN).unwrap().len(), 10, "drains: {drains}");
        drop(running);
    }
}

/// A worker that a replay has fenced shows how far it was: those rows are cleared.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_replay_has_cleared_is_not_waited_for_in_vain_and_not_told_to_be_there() {
    let (store, model) = (store(), MemoryReadModel::new());
    let places = Places::new(&model);
    let running = Runner::new(store.clone())
        .with_heartbeat(Duration::from_millis(10))
        .project(places.clone(), model.clone())
        .start()
        .unwrap();
    let receipt = write(&store, 1).await;
    running.wait_for("places", &receipt, LONG).await.unwrap();
    replay(&store, &places, &model, ReplayFrom::Start).await.unwrap();
    until(&running, "places", |status| status.state == State::Fenced).await;
    let waited = running.wait_for("places", &receipt, LONG).await;
    assert!(matches!(waited, Err(WaitError::NotRunning { .. })), "{waited:?}");
    running.resume("places").unwrap();
    running.wait_for("places", &receipt, LONG).await.unwrap();
    assert_eq!(model.get(&WRITTEN, &1).unwrap(), Some(1));
    running.stop(LONG).await;
    running.wait_for("places", &receipt, LONG).await.unwrap();
}
