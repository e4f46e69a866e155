//! A rebuild while others write and readers look all the time: no reader sees an empty or a
//! partial table, what breaks off in the middle goes on, and no reactor fires again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{BoxError, Deposit, Policy, Runner};
use eventsource::{
    CheckpointStore, DeadLetterStore, ReadModel,
    prelude::*,
    projection::{IdempotencyKey, Reactor, Rebuild, Rebuilding},
};

/// What is there before anybody looks.
const BEFORE: u64 = 2_000;

/// Both versions of a projection, and what readers see.
pub(crate) trait Versions: Clone + Send + Sync + 'static {
    type Model: ReadModel + DeadLetterStore + Clone;
    type First: Rebuild<Event = Deposit, Tx = <Self::Model as ReadModel>::Tx> + Clone;
    type Second: Rebuild<Event = Deposit, Tx = <Self::Model as ReadModel>::Tx> + Clone;

    fn store(&self) -> Store;
    fn model(&self) -> Self::Model;
    fn first(&self) -> Self::First;
    fn second(&self) -> Self::Second;
    /// The version that serves, and how many rows it shows.
    fn seen(&self) -> impl Future<Output = (i64, i64)> + Send;
}

#[derive(Clone, Default)]
struct Bells(Arc<AtomicU64>);

impl Reactor for Bells {
    const NAME: &'static str = "bells";
    type Event = Deposit;

    async fn react(&self, _: &Recorded<Deposit>, _: &IdempotencyKey) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

async fn write(store: &Store, count: u64) -> eventsource::Receipt {
    let mut last = None;
    for key in 0..count {
        let stream = StreamId::new("deposit", key % 50).unwrap();
        let append = Append::to(stream, ExpectedVersion::Any).event(Deposit::Made { cents: 1 });
        last = Some(store.append(append).await.unwrap());
    }
    last.unwrap()
}

pub(crate) async fn rebuilt_under_load<V: Versions>(versions: V, slices: u16) {
    let (store, model, bells) = (versions.store(), versions.model(), Bells::default());
    write(&store, BEFORE).await;
    let mut first = Rebuilding::new(store.clone(), versions.first(), model.clone());
    first.run().await.unwrap();
    let running = Runner::new(store.clone())
        .project(versions.first(), model.clone())
        .react(bells.clone(), model.clone())
        .start()
        .unwrap();

    let is_over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (versions, is_over) = (versions.clone(), Arc::clone(&is_over));
            tokio::spawn(async move {
                let (mut looks, mut most) = (0_u64, 0);
                while !is_over.load(Ordering::SeqCst) {
                    let (version, rows) = versions.seen().await;
                    // The second version may be behind the first by what came meanwhile.
                    let least = BEFORE.cast_signed();
                    assert!(rows >= least, "version {version} shows {rows} of {least}");
                    assert!(version >= most, "back to version {version} from {most}");
                    (looks, most) = (looks + 1, version);
                }
                looks
            })
        })
        .collect();
    let writer = {
        let (store, is_over) = (store.clone(), Arc::clone(&is_over));
        tokio::spawn(async move {
            let mut last = write(&store, 1).await;
            while !is_over.load(Ordering::SeqCst) {
                last = write(&store, 1).await;
            }
            last
        })
    };

    let policy = || Policy::default().with_batch(64).with_slices(slices);
    let rebuilding = || {
        let second = versions.second();
        Rebuilding::with_policy(store.clone(), second, model.clone(), policy())
    };
    let mut breaking = rebuilding();
    let mut watch = breaking.watch().unwrap();
    tokio::select! {
        done = breaking.run() => panic!("it was too quick to break: {done:?}"),
        () = async { while watch.progress().handled < BEFORE / 4 { watch.changed().await; } } => {}
    }
    assert!(watch.progress().left.is_some(), "it tells how long it takes");
    drop(breaking);
    assert_eq!(versions.seen().await.0, 1, "the first version serves on");
    let rebuilt = rebuilding().run().await.unwrap();
    assert!(rebuilt.position.get() >= BEFORE);
    assert_eq!(versions.seen().await.0, 2);

    // It goes on beside the first one, which stays for a way back.
    let next = Runner::new(store.clone()).project_with(versions.second(), model.clone(), policy());
    let next = next.start().unwrap();
    is_over.store(true, Ordering::SeqCst);
    let last = writer.await.unwrap();
    for reader in readers {
        assert!(reader.await.unwrap() > 10, "the readers have looked");
    }
    let patience = Duration::from_secs(60);
    next.wait_for("many", &last, patience).await.unwrap();
    running.wait_for("many", &last, patience).await.unwrap();
    running.wait_for("bells", &last, patience).await.unwrap();
    let head = store.head().await.unwrap().position.get();
    assert_eq!(versions.seen().await, (2, head.cast_signed()));
    assert_eq!(bells.0.load(Ordering::SeqCst), head, "each event rang once");
    let name = eventsource::SubscriberName::from_static("many-v1");
    assert!(model.checkpoint(&name).await.unwrap().is_some(), "the first version is there");
}
