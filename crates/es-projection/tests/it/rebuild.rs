//! P5: a new version is built beside the one that serves, and takes its place in one commit.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use es_core::{BoxError, CheckpointStore, ErrorKind, Recorded, SubscriberName};
use es_projection::{Policy, Projection, Rebuild, Rebuilding, Runner};
use es_store_memory::{MemoryReadModel, MemoryTx, Table};

use crate::{
    ledger::{NoteEvent, store, until, write, write_many},
    reactor::Silent,
};

const FIRST: Table<String, u64> = Table::new("counts-1");
const SECOND: Table<String, u64> = Table::new("counts-2");
/// Which version readers look at.
pub(crate) const SERVING: Table<&'static str, u32> = Table::new("serving");

/// Counts events by stream; the second version counts double.
#[derive(Clone, Default)]
pub(crate) struct Counts<const V: u32> {
    is_wrong: Arc<AtomicBool>,
    fails: Arc<AtomicBool>,
}

impl<const V: u32> Projection for Counts<V> {
    const NAME: &'static str = "counts";
    const VERSION: u32 = V;
    type Event = NoteEvent;
    type Tx = MemoryTx;

    async fn apply(&self, event: &Recorded<NoteEvent>, tx: &mut MemoryTx) -> Result<(), BoxError> {
        let table = if V == 1 { &FIRST } else { &SECOND };
        let key = event.stream.to_string();
        tx.update(table, key, |count| Some(count.unwrap_or(0) + u64::from(V)))?;
        if self.fails.load(Ordering::SeqCst) { Err("poison".into()) } else { Ok(()) }
    }
}

impl<const V: u32> Rebuild for Counts<V> {
    async fn verify(&self, _: &mut MemoryTx) -> Result<(), BoxError> {
        if self.is_wrong.load(Ordering::SeqCst) { Err("too few rows".into()) } else { Ok(()) }
    }

    async fn swap(&self, tx: &mut MemoryTx) -> Result<(), BoxError> {
        tx.put(&SERVING, "counts", V)?;
        Ok(())
    }
}

pub(crate) fn total(model: &MemoryReadModel) -> u64 {
    let serving = model.get(&SERVING, &"counts").unwrap().unwrap_or(1);
    let table = if serving == 1 { &FIRST } else { &SECOND };
    model.rows(table).unwrap().iter().map(|(_, count)| count / u64::from(serving)).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_whole_tables_all_the_time_and_a_crash_resumes() {
    let (store, model) = (store(), MemoryReadModel::new());
    write_many(&store, 5_000, 50).await;
    let running = Runner::new(store.clone())
        .project(Counts::<1>::default(), model.clone())
        .react(Silent, MemoryReadModel::new())
        .start()
        .unwrap();
    until(&running, "counts", |status| status.position.get() == 5_000).await;
    let reacted = until(&running, "silent", |status| status.position.get() == 5_000).await.handled;

    let is_over = Arc::new(AtomicBool::new(false));
    let reader = {
        let (model, is_over) = (model.clone(), Arc::clone(&is_over));
        tokio::spawn(async move {
            while !is_over.load(Ordering::SeqCst) {
                let seen = total(&model);
                assert!(seen >= 5_000, "a reader saw {seen} of 5000");
                tokio::task::yield_now().await;
            }
        })
    };

    let policy = || Policy::default().with_batch(50);
    let second = Counts::<2>::default;
    let mut crashing = Rebuilding::with_policy(store.clone(), second(), model.clone(), policy());
    let mut watch = crashing.watch().unwrap();
    let before = watch.progress();
    assert_eq!((before.position.get(), before.left), (0, None));
    tokio::select! {
        _ = crashing.run() => panic!("it was too quick to crash"),
        () = async { while watch.progress().position.get() < 1_000 { watch.changed().await; } } => {}
    }
    let progress = watch.progress();
    assert_eq!(progress.head.get(), 5_000);
    assert!(progress.left.is_some() && progress.rate > 0.0 && progress.handled >= 1_000);
    drop(crashing);
    assert_eq!(model.get(&SERVING, &"counts").unwrap(), None, "the first version serves on");

    let name = SubscriberName::from_static("counts-v2");
    let saved = model.checkpoint(&name).await.unwrap().unwrap().position.get();
    assert!(saved >= 1_000);
    let mut rebuilding = Rebuilding::with_policy(store.clone(), second(), model.clone(), policy());
    let rebuilt = rebuilding.run().await.unwrap();
    // Whoever was dropped may have committed a batch more before it noticed.
    assert!(rebuilt.handled <= 5_000 - saved, "it went on from where it was");
    assert_eq!(model.get(&SERVING, &"counts").unwrap(), Some(2));
    assert_eq!(total(&model), 5_000);
    is_over.store(true, Ordering::SeqCst);
    reader.await.unwrap();

    assert_eq!(running.status("silent").await.unwrap().handled, reacted, "no reactor fired");
    assert_eq!(model.rows(&FIRST).unwrap().len(), 50, "the old rows stay for a way back");
    // And it goes on from there, beside the old one.
    let next = Runner::new(store.clone()).project(second(), model.clone()).start().unwrap();
    let receipt = write(&store, 1).await;
    next.wait_for("counts", &receipt, Duration::from_secs(20)).await.unwrap();
    assert_eq!(total(&model), 5_001);
}

#[tokio::test]
async fn the_old_version_is_a_way_back_and_takes_what_it_has_missed() {
    let (store, model) = (store(), MemoryReadModel::new());
    write_many(&store, 10, 2).await;
    let (first, second) = (Counts::<1>::default(), Counts::<2>::default());
    Runner::new(store.clone()).project(first.clone(), model.clone()).catch_up().await.unwrap();
    Rebuilding::new(store.clone(), second.clone(), model.clone()).run().await.unwrap();
    write_many(&store, 4, 2).await;
    let mut newest = Runner::new(store.clone()).project(second, model.clone());
    newest.catch_up().await.unwrap();
    assert_eq!((model.get(&SERVING, &"counts").unwrap(), total(&model)), (Some(2), 14));

    let mut back = Rebuilding::new(store.clone(), first.clone(), model.clone());
    assert_eq!(back.run().await.unwrap().handled, 4, "what has come since, and no more");
    assert_eq!((model.get(&SERVING, &"counts").unwrap(), total(&model)), (Some(1), 14));

    // It is followed like any other, and forward again is as far.
    write_many(&store, 3, 1).await;
    Runner::new(store.clone()).project(first, model.clone()).catch_up().await.unwrap();
    assert_eq!(total(&model), 17);
    let mut forward = Rebuilding::new(store, Counts::<2>::default(), model.clone());
    assert_eq!(forward.run().await.unwrap().handled, 3);
    assert_eq!((model.get(&SERVING, &"counts").unwrap(), total(&model)), (Some(2), 17));
}

#[tokio::test]
async fn what_is_not_right_is_not_swapped_in() {
    let (store, model, second) = (store(), MemoryReadModel::new(), Counts::<2>::default());
    write_many(&store, 10, 2).await;
    second.is_wrong.store(true, Ordering::SeqCst);
    let mut rebuilding = Rebuilding::new(store.clone(), second.clone(), model.clone());
    let error = rebuilding.run().await.unwrap_err();
    assert!(error.to_string().contains("verification"), "{error}");
    assert_eq!(model.get(&SERVING, &"counts").unwrap(), None);

    second.is_wrong.store(false, Ordering::SeqCst);
    second.fails.store(true, Ordering::SeqCst);
    write_many(&store, 4, 2).await;
    let error = rebuilding.run().await.unwrap_err();
    assert!(error.to_string().contains("4 events are parked"), "{error}");
    assert_eq!(model.get(&SERVING, &"counts").unwrap(), None);

    let rebuilding = Rebuilding::new(store.clone(), second.clone(), model.clone());
    let rebuilt = rebuilding.accept_parked().run().await.unwrap();
    assert_eq!((rebuilt.parked, rebuilt.handled), (4, 0));
    assert_eq!(model.get(&SERVING, &"counts").unwrap(), Some(2));
}

/// Whoever builds the same version later is the one that swaps.
#[tokio::test]
async fn a_fenced_rebuild_does_not_swap() {
    let (store, model) = (store(), MemoryReadModel::new());
    write_many(&store, 10, 2).await;
    let second = Counts::<2>::default();
    /// Claims the checkpoint for somebody else while it verifies.
    struct Overtaken(Counts<2>, MemoryReadModel, es_core::LogId);
    impl Projection for Overtaken {
        const NAME: &'static str = "counts";
        const VERSION: u32 = 2;
        type Event = NoteEvent;
        type Tx = MemoryTx;
        async fn apply(
            &self,
            event: &Recorded<NoteEvent>,
            tx: &mut MemoryTx,
        ) -> Result<(), BoxError> {
            self.0.apply(event, tx).await
        }
    }
    impl Rebuild for Overtaken {
        async fn verify(&self, _: &mut MemoryTx) -> Result<(), BoxError> {
            let name = SubscriberName::from_static("counts-v2");
            self.1.claim(&name, self.2, &es_core::Owner::new("other")).await?;
            Ok(())
        }
        async fn swap(&self, tx: &mut MemoryTx) -> Result<(), BoxError> {
            self.0.swap(tx).await
        }
    }
    let log = store.head().await.unwrap().log;
    let overtaken = Overtaken(second, model.clone(), log);
    let error = Rebuilding::new(store, overtaken, model.clone()).run().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fenced);
    assert_eq!(model.get(&SERVING, &"counts").unwrap(), None);
}
