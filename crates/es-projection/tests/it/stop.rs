//! Pausing, stopping and draining.

use std::time::Duration;

use es_core::{BoxError, CheckpointStore, ErrorKind, Recorded};
use es_projection::{IdempotencyKey, Policy, Reactor, Runner, State};
use es_store_memory::{MemoryCheckpointStore, MemoryReadModel};

use crate::ledger::{
    Ledger, NoteEvent, assert_complete, store, subscriber, until, write, write_many,
};

const LONG: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draining_handles_everything_that_is_there_and_then_stops() {
    let (store, model) = (store(), MemoryReadModel::new());
    write_many(&store, 5_000, 7).await;
    let policy = Policy::default().with_batch(10);
    let runner = Runner::new(store.clone());
    let running = runner.project_with(Ledger::new(), model.clone(), policy).start().unwrap();
    assert_eq!(running.drain(LONG).await.unwrap().aborted, [""; 0]);
    assert_complete(&store, &model).await;
    let saved = model.checkpoint(&subscriber()).await.unwrap().unwrap();
    assert_eq!(saved.position.get(), 5_000);
    write(&store, 1).await;
    let error = running.retry_parked("notes", None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert_eq!(running.status("notes").await.unwrap().state, State::Stopped);
}

/// On one thread: its worker still shows that it is paused when the draining begins.
#[tokio::test]
async fn what_was_told_to_go_on_is_drained_and_what_is_paused_is_not() {
    let (store, model) = (store(), MemoryReadModel::new());
    let runner = Runner::new(store.clone()).project(Ledger::new(), model.clone());
    let running = runner.start().unwrap();
    running.pause("notes").unwrap();
    until(&running, "notes", |status| status.state == State::Paused).await;
    write_many(&store, 5, 3).await;
    running.resume("notes").unwrap();
    running.drain(LONG).await.unwrap();
    assert_complete(&store, &model).await;

    let runner = Runner::new(store.clone()).project(Ledger::new(), model.clone());
    let running = runner.start().unwrap();
    running.pause("notes").unwrap();
    until(&running, "notes", |status| status.state == State::Paused).await;
    write(&store, 1).await;
    running.drain(Duration::MAX).await.unwrap();
    let saved = model.checkpoint(&subscriber()).await.unwrap().unwrap();
    assert_eq!(saved.position.get(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_commits_what_is_in_hand_and_saves_the_place() {
    for turns in 0..50 {
        let (store, model) = (store(), MemoryReadModel::new());
        write_many(&store, 300, 3).await;
        let policy = Policy::default().with_batch(5);
        let runner = Runner::new(store.clone());
        let running = runner.project_with(Ledger::new(), model.clone(), policy).start().unwrap();
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        running.stop(LONG).await;
        let at = running.status("notes").await.unwrap().position;
        let saved = model.checkpoint(&subscriber()).await.unwrap();
        assert_eq!(saved.map_or(0, |saved| saved.position.get()), at.get());
        let mut rest = Runner::new(store.clone()).project(Ledger::new(), model.clone());
        rest.catch_up().await.unwrap();
        assert_complete(&store, &model).await;
    }
}

/// Also where nothing was wanted, and so nothing was committed.
#[tokio::test]
async fn stopping_and_pausing_save_a_quiet_place() {
    let (store, model, mut ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    ledger.scope = ledger.scope.in_category(es_core::Category::from_static("elsewhere"));
    let running = Runner::new(store.clone())
        .with_quiet_interval(Duration::from_secs(3_600))
        .project(ledger, model.clone())
        .start()
        .unwrap();
    let saved = async || model.checkpoint(&subscriber()).await.unwrap().unwrap().position.get();
    write_many(&store, 10, 3).await;
    until(&running, "notes", |status| status.position.get() == 10).await;
    assert_eq!(saved().await, 0);
    running.pause("notes").unwrap();
    until(&running, "notes", |status| status.state == State::Paused).await;
    assert_eq!(saved().await, 10);
    running.resume("notes").unwrap();
    write(&store, 1).await;
    until(&running, "notes", |status| status.position.get() == 11).await;
    running.stop(LONG).await;
    assert_eq!(saved().await, 11);
}

struct Endless;

impl Reactor for Endless {
    const NAME: &'static str = "endless";
    type Event = NoteEvent;

    async fn react(&self, _: &Recorded<NoteEvent>, _: &IdempotencyKey) -> Result<(), BoxError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn whoever_is_not_done_in_time_is_ended_and_named() {
    let (store, model) = (store(), MemoryReadModel::new());
    write_many(&store, 3, 3).await;
    let running = Runner::new(store.clone())
        .react(Endless, MemoryCheckpointStore::new())
        .project(Ledger::new(), model.clone())
        .start()
        .unwrap();
    until(&running, "notes", |status| status.position.get() == 3).await;
    let stopped = running.stop(Duration::from_millis(10)).await;
    assert_eq!(stopped.aborted, ["endless-v1"]);
    assert_eq!(running.status("endless").await.unwrap().state, State::Stopped);
    assert_complete(&store, &model).await;
}

#[tokio::test]
async fn a_paused_worker_does_nothing_until_it_is_resumed_and_still_obeys() {
    let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    ledger.fails_on("note/1");
    write_many(&store, 4, 2).await;
    let running =
        Runner::new(store.clone()).project(ledger.clone(), model.clone()).start().unwrap();
    until(&running, "notes", |status| status.position.get() == 4).await;
    running.pause("notes").unwrap();
    until(&running, "notes", |status| status.state == State::Paused).await;
    let calls = ledger.calls();
    write_many(&store, 4, 2).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ledger.calls(), calls);
    ledger.says(|_| Ok(()));
    assert_eq!(running.retry_parked("notes", None).await.unwrap().handled, 2);
    running.resume("notes").unwrap();
    until(&running, "notes", |status| status.position.get() == 8).await;
    assert_complete(&store, &model).await;
}

#[tokio::test]
async fn a_runner_that_drops_leaves_no_worker_behind() {
    let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    let running =
        Runner::new(store.clone()).project(ledger.clone(), model.clone()).start().unwrap();
    until(&running, "notes", |status| status.state == State::Live).await;
    drop(running);
    write(&store, 1).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ledger.calls(), 0);
}

#[tokio::test]
async fn two_of_one_name_and_version_are_refused() {
    let (store, model) = (store(), MemoryReadModel::new());
    let runner =
        Runner::new(store).project(Ledger::new(), model.clone()).project(Ledger::new(), model);
    assert_eq!(runner.start().unwrap_err().kind(), ErrorKind::Invalid);
}
