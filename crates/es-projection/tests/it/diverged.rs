//! P7: a checkpoint of another log, or another history, stops the worker loudly.

use std::{sync::Arc, time::Duration};

use es_core::{
    Append, AppendRequest, Backend, Capabilities, CheckpointStore, Diverged, Durability, ErrorKind,
    EventStore, ExpectedVersion, FoldStream, Head, PageStream, Position, Read, ReadModel, Receipt,
    Result, StreamId,
};
use es_projection::{Policy, Runner, State};
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

/// The log as it was when it had five events.
#[derive(Debug)]
struct Copy(Backend);

impl std::fmt::Display for Copy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a copy of {}", self.0)
    }
}

#[async_trait::async_trait]
impl EventStore for Copy {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        self.0.append(append).await
    }

    fn read(&self, read: Read) -> PageStream {
        self.0.read(read.until(Position::new(5)))
    }

    fn read_to_fold(&self, read: Read) -> FoldStream {
        self.0.read_to_fold(read.until(Position::new(5)))
    }

    async fn head(&self) -> Result<Head> {
        let head = self.0.head().await?;
        Ok(Head::new(head.log, Position::new(5)))
    }

    async fn wait(&self, _: Position) -> Result<Head> {
        self.head().await
    }

    async fn durability(&self) -> Result<Durability> {
        self.0.durability().await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_works_is_not_disturbed_by_one_on_a_copy_that_is_behind() {
    let (store, model) = (store(), MemoryReadModel::new());
    let running = Runner::new(store.clone()).project(Ledger::new(), model.clone()).start().unwrap();
    write_many(&store, 10, 1).await;
    until(&running, "notes", |status| status.position.get() == 10).await;
    let copy = store.clone().layer(&|inner: Backend| Arc::new(Copy(inner)) as Backend);
    for slices in [1, 2] {
        let policy = Policy::default().with_slices(slices);
        let mut runner =
            Runner::new(copy.clone()).project_with(Ledger::new(), model.clone(), policy);
        let error = runner.catch_up().await.unwrap_err();
        assert!(matches!(error.diverged(), Some(Diverged::RolledBack { .. })), "{error}");
    }
    let receipt = write(&store, 0).await;
    running.wait_for("notes", &receipt, Duration::from_secs(20)).await.unwrap();
    assert_eq!(running.status("notes").await.unwrap().epoch, 1, "nobody has claimed it");
}
