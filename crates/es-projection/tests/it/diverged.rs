//! P7: a checkpoint of another log, or another history, stops the worker loudly.

use es_core::{
    Append, CheckpointStore, Diverged, ErrorKind, ExpectedVersion, Position, ReadModel, StreamId,
};
use es_projection::{Runner, State};
use es_store_memory::MemoryReadModel;

use crate::ledger::{Ledger, NoteEvent, row, store, subscriber, until, write, write_many};

#[tokio::test]
async fn another_log_is_noticed() {
    let (old, new, model) = (store(), store(), MemoryReadModel::new());
    write_many(&old, 3, 1).await;
    Runner::new(old).project(Ledger::new(), model.clone()).catch_up().await.unwrap();
    write_many(&new, 9, 1).await;
    let mut runner = Runner::new(new.clone()).project(Ledger::new(), model.clone());
    let error = runner.catch_up().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LogDiverged);
    assert_eq!(row(&model, "note/0"), [1, 2, 3], "nothing of the other log");

    let running = runner.start().unwrap();
    let status = until(&running, "notes", |status| status.state == State::Failed).await;
    assert!(status.health.is_unhealthy());
    assert!(status.last_error.unwrap().message.contains("replaced"));
}

#[tokio::test]
async fn a_log_that_lost_its_end_is_noticed() {
    let (store, model) = (store(), MemoryReadModel::new());
    write_many(&store, 3, 1).await;
    let mut runner = Runner::new(store).project(Ledger::new(), model.clone());
    runner.catch_up().await.unwrap();
    let mut ahead = model.checkpoint(&subscriber()).await.unwrap().unwrap();
    ahead.position = Position::new(7);
    let progress = es_core::Progress::from(&ahead, Position::new(7));
    model.commit(model.begin().await.unwrap(), &progress).await.unwrap();
    let error = runner.catch_up().await.unwrap_err();
    assert!(matches!(error.diverged(), Some(Diverged::RolledBack { .. })), "{error}");
}

#[tokio::test]
async fn another_event_at_the_checkpoint_is_noticed() {
    let (store, model) = (store(), MemoryReadModel::new());
    write_many(&store, 3, 1).await;
    let mut runner = Runner::new(store.clone()).project(Ledger::new(), model.clone());
    runner.catch_up().await.unwrap();
    let known = model.checkpoint(&subscriber()).await.unwrap().unwrap();
    assert!(known.event.is_some(), "the checkpoint keeps what it saw last");
    // As if the log had been restored and gone on differently.
    let progress =
        es_core::Progress::from(&known, known.position).with_event(es_core::EventId::new());
    model.commit(model.begin().await.unwrap(), &progress).await.unwrap();
    let error = runner.catch_up().await.unwrap_err();
    assert!(matches!(error.diverged(), Some(Diverged::Rewritten { .. })), "{error}");
    drop(write(&store, 1).await);
    let stream = StreamId::new("note", 2).unwrap();
    let append = Append::to(stream, ExpectedVersion::Any).event(NoteEvent::Torn);
    store.append(append).await.unwrap();
    assert!(runner.catch_up().await.is_err(), "it does not heal by growing");
}
