//! What an observer is told, and what the gauges say when nobody renews them.

use std::{
    sync::{Arc, Mutex, Weak, atomic::AtomicBool},
    time::Duration,
};

use es_core::{
    CheckpointStore, ErrorKind, Gauge, GaugeSource, Observation, Observer, Owner, Position,
    Progress, Store,
};
use es_projection::{Policy, Rebuild, Rebuilding, Runner, State};
use es_store_memory::{MemoryReadModel, MemoryStore, MemoryTx};
use es_testkit::{Faults, HeadFault, When};

use crate::{
    ledger::{Ledger, subscriber, until, write, write_many},
    spoilt::{Call, Fault, Spoilt},
    unreadable::{scribble, upcast},
};

/// Writes down what it is told.
#[derive(Default)]
struct Notes {
    told: Mutex<Vec<String>>,
    sources: Mutex<Vec<Weak<dyn GaugeSource>>>,
}

impl std::fmt::Debug for Notes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Notes")
    }
}

impl Observer for Notes {
    fn observe(&self, observation: &Observation<'_>) {
        let line = match *observation {
            Observation::WorkBegun { subscriber, events, is_history } => {
                format!("{subscriber} begins {} history {is_history}", events.len())
            }
            Observation::WorkDone { subscriber, handled, is_ok, .. } => {
                format!("{subscriber} did {handled} ok {is_ok}")
            }
            Observation::AttemptFailed { stage, .. } => format!("failed {stage}"),
            Observation::Retried { stage, .. } => format!("retried {stage}"),
            Observation::Parked { events, .. } => format!("parked {events}"),
            Observation::Released { is_skipped, .. } => format!("released, skipped {is_skipped}"),
            _ => return,
        };
        self.told.lock().unwrap().push(line);
    }

    fn watch(&self, source: Weak<dyn GaugeSource>) {
        self.sources.lock().unwrap().push(source);
    }
}

/// Lag, parked events and health of a subscriber.
type Told = (Option<u64>, Option<Duration>, u64, bool);

impl Notes {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.lock().unwrap())
    }

    fn gauges(&self) -> Vec<Told> {
        let mut seen = Vec::new();
        for source in self.sources.lock().unwrap().iter().filter_map(Weak::upgrade) {
            source.gauges(&mut |gauge| match gauge {
                Gauge::Subscriber { subscriber, lag, lag_time, parked, is_healthy } => {
                    assert_eq!(subscriber, "notes-v1");
                    seen.push((lag, lag_time, parked, is_healthy));
                }
                other => panic!("{other:?}"),
            });
        }
        seen
    }
}

fn observed() -> (Store, Arc<Notes>) {
    let notes = Arc::new(Notes::default());
    (Store::new(MemoryStore::new()).observed_by(Arc::clone(&notes) as _), notes)
}

const WITHIN: Duration = Duration::from_secs(20);

#[tokio::test]
async fn history_is_told_apart_from_what_comes() {
    let (store, notes) = observed();
    let model = MemoryReadModel::new();
    write_many(&store, 3, 3).await;
    let running = Runner::new(store.clone()).project(Ledger::new(), model.clone()).start().unwrap();
    until(&running, "notes", |status| status.state == State::Live).await;
    assert_eq!(notes.take(), ["notes-v1 begins 3 history true", "notes-v1 did 3 ok true"]);
    let receipt = write(&store, 1).await;
    running.wait_for("notes", &receipt, WITHIN).await.unwrap();
    running.stop(WITHIN).await;
    assert_eq!(notes.take(), ["notes-v1 begins 1 history false", "notes-v1 did 1 ok true"]);

    // What came while nobody worked is no history, unless it is very much.
    write(&store, 1).await;
    let runner = Runner::new(store.clone()).project(Ledger::new(), model.clone());
    let running = runner.start().unwrap();
    running.drain(WITHIN).await.unwrap();
    assert_eq!(notes.take(), ["notes-v1 begins 1 history false", "notes-v1 did 1 ok true"]);
    write_many(&store, 1_001, 3).await;
    Runner::new(store).project(Ledger::new(), model).catch_up().await.unwrap();
    let told = notes.take();
    assert!(told.iter().any(|line| line.ends_with("history true")), "{told:?}");
    assert!(!told.iter().any(|line| line.ends_with("history false")), "{told:?}");
}

/// A few events that were handled long ago and come again are history, however few.
#[tokio::test]
async fn what_a_replay_brings_again_is_history_unless_it_is_fresh() {
    for (ahead, is_history) in [(0, false), (9, false), (11, true)] {
        let (store, notes) = observed();
        let model = Spoilt::new();
        write_many(&store, 3, 3).await;
        let mut runner = Runner::new(store.clone()).project(Ledger::new(), model.clone());
        runner.catch_up().await.unwrap();
        let known = model.checkpoint(&subscriber()).await.unwrap().unwrap();
        // As `replay` does, so long after the events.
        model.advance(&Progress::back_to(&known, Position::new(1))).await.unwrap();
        model.plan(move |call, _| {
            (call == Call::Look).then_some(Fault::Ahead(Duration::from_secs(ahead)))
        });
        notes.take();
        runner.catch_up().await.unwrap();
        let line = format!("notes-v1 begins 2 history {is_history}");
        assert_eq!(notes.take()[0], line, "{ahead}");
    }
}

impl Rebuild for Ledger {
    async fn swap(&self, _: &mut MemoryTx) -> Result<(), es_core::BoxError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_rebuild_is_history_also_when_it_is_resumed() {
    let (store, notes) = observed();
    let model = MemoryReadModel::new();
    write_many(&store, 3, 3).await;
    Rebuilding::new(store.clone(), Ledger::new(), model.clone()).run().await.unwrap();
    write(&store, 1).await;
    Rebuilding::new(store, Ledger::new(), model).run().await.unwrap();
    let told = notes.take();
    assert_eq!(told.iter().filter(|line| line.ends_with("history true")).count(), 2, "{told:?}");
}

#[tokio::test]
async fn failures_retries_and_letters_are_told() {
    let (store, notes) = observed();
    let ledger = Ledger::new();
    ledger.says(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()));
    write(&store, 1).await;
    let policy = Policy::default()
        .with_retries(2)
        .with_backoff(Duration::from_micros(1), Duration::from_micros(1));
    let runner = Runner::new(store.clone());
    let running =
        runner.project_with(ledger.clone(), MemoryReadModel::new(), policy).start().unwrap();
    until(&running, "notes", |status| status.parked == 1 && status.state == State::Live).await;
    assert_eq!(
        notes.take(),
        [
            "notes-v1 begins 1 history true",
            "failed handler",
            "retried handler",
            "failed handler",
            "retried handler",
            "failed handler",
            "parked 1",
            "notes-v1 did 0 ok true",
        ]
    );
    // One that waits behind it counts; one that is parked again does not.
    let second = write(&store, 1).await;
    running.wait_for("notes", &second, WITHIN).await.unwrap_err();
    ledger.says(|_| Err("torn".into()));
    running.retry_parked("notes", None).await.unwrap();
    let told = notes.take();
    assert_eq!(told.iter().filter(|line| *line == "parked 1").count(), 1, "{told:?}");
    ledger.says(|_| Ok(()));
    running.skip_parked("notes", second.last, "never mind").await.unwrap();
    running.retry_parked("notes", None).await.unwrap();
    let told = notes.take();
    assert_eq!(told, ["released, skipped true", "released, skipped false"]);
}

#[tokio::test]
async fn a_commit_that_fails_is_told_as_progress() {
    let (store, notes) = observed();
    let model = Spoilt::new();
    model.plan(|call, count| {
        (call == Call::Commit && count == 1).then_some(Fault::Before(ErrorKind::Unavailable))
    });
    write(&store, 1).await;
    Runner::new(store).project(Ledger::new(), model).catch_up().await.unwrap();
    let told = notes.take();
    assert_eq!(told[1..3], ["failed progress", "retried progress"], "{told:?}");
    assert_eq!(told[3], "notes-v1 did 1 ok true");
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_told_as_one_that_failed() {
    let (plain, notes) = observed();
    let store = upcast(&plain, &Arc::new(AtomicBool::new(false)));
    write(&plain, 1).await;
    scribble(&plain, 3, "illegible").await;
    scribble(&plain, 3, "illegible").await; // waits behind the first
    Runner::new(store).project(Ledger::new(), MemoryReadModel::new()).catch_up().await.unwrap();
    assert_eq!(
        notes.take(),
        [
            "notes-v1 begins 1 history true",
            "notes-v1 did 1 ok true",
            "failed handler",
            "parked 1",
            "parked 1",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_gauge_of_one_that_stands_by_tells_of_the_one_at_work() {
    let (store, notes) = observed();
    let (plain, model, ledger) =
        (Store::from_backend(Arc::clone(store.backend())), MemoryReadModel::new(), Ledger::new());
    ledger.fails_on("note/1");
    write_many(&plain, 2, 2).await;
    let runner = |store: &Store, name| {
        let runner = Runner::new(store.clone()).owned_by(Owner::new(name));
        let runner = runner.with_lease(WITHIN).with_watch_interval(Duration::from_secs(1));
        runner.project(ledger.clone(), model.clone()).start().unwrap()
    };
    let first = runner(&plain, "first");
    until(&first, "notes", |status| status.parked == 1 && status.state == State::Live).await;
    let second = runner(&store, "second");
    until(&second, "notes", |status| status.state == State::Standby).await;
    until_told(&notes, |told| told == [(Some(0), Some(Duration::ZERO), 1, true)]).await;
    let report = second.health(WITHIN).await;
    assert!(report.is_live() && report.is_ready());
    assert_eq!(report.checks[1].parked, Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_gauge_tells_what_is_and_nothing_when_nobody_looks() {
    let (store, notes) = observed();
    let faults = Faults::new();
    let store = store.layer(&faults);
    let running = Runner::new(store.clone())
        .with_watch_interval(Duration::from_secs(1))
        .project(Ledger::new(), MemoryReadModel::new())
        .start()
        .unwrap();
    running.pause("notes").unwrap();
    until(&running, "notes", |status| status.state == State::Paused).await;
    write_many(&store, 7, 7).await;
    until_told(&notes, |told| matches!(told, [(Some(7), Some(_), 0, true)])).await;

    // The log does not answer, and then not even with an error.
    faults.on_head(When::always(), HeadFault::fail(ErrorKind::Unavailable));
    until_told(&notes, |told| told == [(None, None, 0, false)]).await;

    drop(running);
    assert_eq!(notes.gauges(), [], "nobody is there to be asked");
}

/// Moves the clock of the test on until what is told of subscribers is as it is wanted.
async fn until_told(notes: &Notes, is: impl Fn(&[Told]) -> bool) {
    for _ in 0..600 {
        if is(&notes.gauges()) {
            return;
        }
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    panic!("it never came to that: {:?}", notes.gauges());
}
