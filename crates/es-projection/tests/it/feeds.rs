//! The log is read once for all that stand at about the same place, and whoever is slow or
//! dead holds up nobody.

use std::{sync::Arc, time::Duration};

use es_core::{BoxError, Recorded, Store};
use es_projection::{IdempotencyKey, Policy, Projection, Reactor, Runner, Scope};
use es_store_memory::{MemoryCheckpointStore, MemoryReadModel, MemoryTx};
use es_testkit::Recording;
use tokio::sync::Semaphore;

use crate::ledger::{Ledger, NoteEvent, assert_complete, store, until, write, write_many};

/// The same ledger under one of several versions, so that many can run at once.
struct Version<const N: u32>(Ledger);

impl<const N: u32> Projection for Version<N> {
    const NAME: &'static str = "notes";
    const VERSION: u32 = N;
    type Event = NoteEvent;
    type Tx = MemoryTx;

    fn scope(&self) -> Scope {
        self.0.scope()
    }

    async fn apply(&self, event: &Recorded<NoteEvent>, tx: &mut MemoryTx) -> Result<(), BoxError> {
        self.0.apply(event, tx).await
    }
}

fn eight(store: Store, models: &[MemoryReadModel]) -> Runner {
    let model = |at: usize| models[at].clone();
    Runner::new(store)
        .project(Version::<1>(Ledger::new()), model(0))
        .project(Version::<2>(Ledger::new()), model(1))
        .project(Version::<3>(Ledger::new()), model(2))
        .project(Version::<4>(Ledger::new()), model(3))
        .project(Version::<5>(Ledger::new()), model(4))
        .project(Version::<6>(Ledger::new()), model(5))
        .project(Version::<7>(Ledger::new()), model(6))
        .project(Version::<8>(Ledger::new()), model(7))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_projections_read_the_log_once() {
    let (plain, recording) = (store(), Recording::new());
    write_many(&plain, 20_000, 7).await;
    let models: Vec<_> = (0..8).map(|_| MemoryReadModel::new()).collect();
    eight(plain.clone().layer(&recording), &models).catch_up().await.unwrap();
    for model in &models {
        assert_complete(&plain, model).await;
    }
    let reads = recording.reads().len();
    assert!(reads <= 2, "{reads} readings for eight projections");
}

/// Waits before its first event until it is let go.
struct Stuck(Arc<Semaphore>);

impl Reactor for Stuck {
    const NAME: &'static str = "stuck";
    type Event = NoteEvent;

    async fn react(&self, _: &Recorded<NoteEvent>, _: &IdempotencyKey) -> Result<(), BoxError> {
        drop(self.0.acquire().await?);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_stuck_is_left_behind_and_catches_up_later() {
    let (plain, recording) = (store(), Recording::new());
    write_many(&plain, 12_000, 7).await;
    let (gate, model) = (Arc::new(Semaphore::new(0)), MemoryReadModel::new());
    let policy = Policy::default().with_batch(500);
    let running = Runner::new(plain.clone().layer(&recording))
        .react_with(Stuck(Arc::clone(&gate)), MemoryCheckpointStore::new(), policy)
        .project(Ledger::new(), model.clone())
        .start()
        .unwrap();
    until(&running, "notes", |status| status.position.get() == 12_000).await;
    for _ in 0..300 {
        let receipt = write(&plain, 1).await;
        running.wait_for("notes", &receipt, Duration::from_secs(20)).await.unwrap();
    }
    assert_complete(&plain, &model).await;
    assert_eq!(running.status("stuck").await.unwrap().handled, 0);
    gate.add_permits(1);
    until(&running, "stuck", |status| status.position.get() == 12_300).await;
    assert_eq!(running.status("stuck").await.unwrap().handled, 12_300);
    // Back together: one more event is one more reading of the log, not two.
    let receipt = write(&plain, 1).await;
    running.wait_for("notes", &receipt, Duration::from_secs(20)).await.unwrap();
    running.wait_for("stuck", &receipt, Duration::from_secs(20)).await.unwrap();
    recording.take();
    for _ in 0..20 {
        let receipt = write(&plain, 1).await;
        running.wait_for("notes", &receipt, Duration::from_secs(20)).await.unwrap();
        running.wait_for("stuck", &receipt, Duration::from_secs(20)).await.unwrap();
    }
    let reads = recording.reads().len();
    assert!(reads <= 22, "{reads} readings for 20 events");
}

/// Subscribers that begin at different places meet in chunks that begin before some of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_joins_in_the_middle_of_a_chunk_handles_nothing_twice() {
    for run in 0..30 {
        let (store, models) = (store(), [(); 8].map(|()| MemoryReadModel::new()));
        let mut first = Runner::new(store.clone())
            .project(Version::<1>(Ledger::new()), models[0].clone())
            .project(Version::<2>(Ledger::new()), models[1].clone());
        let mut second =
            Runner::new(store.clone()).project(Version::<3>(Ledger::new()), models[2].clone());
        write_many(&store, 100 + run, 7).await;
        first.catch_up().await.unwrap();
        write_many(&store, 333, 7).await;
        second.catch_up().await.unwrap();
        write_many(&store, 700, 7).await;
        let running = eight(store.clone(), &models).start().unwrap();
        for version in 1..=8 {
            let name = format!("notes-v{version}");
            until(&running, &name, |status| status.lag.is_some_and(|lag| lag.events == 0)).await;
        }
        running.stop(Duration::from_secs(20)).await;
        for model in &models {
            assert_complete(&store, model).await;
        }
    }
}
