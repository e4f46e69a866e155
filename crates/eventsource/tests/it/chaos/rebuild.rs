//! A rebuild while others write and readers look all the time: no reader sees an empty or a
//! partial table, a process that is killed in the middle is gone on from, the old version is a way
//! back, and no reactor fires again.

use std::{
    io::{BufRead, BufReader, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    BoxError, Deposit, Policy, Projection, Runner, Subscriber,
    process::{Killed, told},
};
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

/// Comes to a stop in the middle of a transaction, and says so.
struct Halfway<P>(P);

const HALFWAY: &str = "halfway";

impl<P: Rebuild<Event = Deposit>> Projection for Halfway<P> {
    const NAME: &'static str = P::NAME;
    const VERSION: u32 = P::VERSION;
    type Event = Deposit;
    type Tx = P::Tx;

    async fn apply(&self, event: &Recorded<Deposit>, tx: &mut P::Tx) -> Result<(), BoxError> {
        self.0.apply(event, tx).await?;
        if event.position.get() > BEFORE / 2 {
            println!("{HALFWAY}");
            std::io::stdout().flush()?;
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

impl<P: Rebuild<Event = Deposit>> Rebuild for Halfway<P> {
    async fn swap(&self, tx: &mut P::Tx) -> Result<(), BoxError> {
        self.0.swap(tx).await
    }
}

fn policy(slices: u16) -> Policy {
    Policy::default().with_batch(64).with_slices(slices)
}

/// Rebuilds and is never done, if it is such a process.
pub(crate) fn role<V: Versions, F>(backend: &str, open: impl FnOnce(String) -> F)
where
    F: Future<Output = V>,
{
    let Some((place, slices)) = told(backend) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let versions = open(place).await;
        let (store, model, second) = (versions.store(), versions.model(), versions.second());
        let policy = policy(slices.try_into().unwrap());
        let done = Rebuilding::with_policy(store, Halfway(second), model, policy).run().await;
        panic!("nobody killed it: {done:?}");
    });
}

/// Has a process rebuild the second version, and kills it in the middle.
async fn killed_halfway(child: Killed) {
    let halfway = tokio::task::spawn_blocking(move || {
        let mut child = child;
        let mut lines = BufReader::new(child.output()).lines();
        assert!(lines.any(|line| line.unwrap().ends_with(HALFWAY)), "it ended before");
    });
    halfway.await.unwrap();
}

pub(crate) async fn rebuilt_under_load<V: Versions>(
    versions: V,
    slices: u16,
    start: impl FnOnce() -> Killed,
) {
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

    killed_halfway(start()).await;
    assert_eq!(versions.seen().await.0, 1, "the first version serves on");
    let second = versions.second();
    let built = Subscriber::of_projection(store.clone(), &second, model.clone()).unwrap();
    let built = built.status().await.unwrap();
    let mut parts = built.slices.iter().chain([&built]);
    assert!(parts.any(|part| part.position > Position::START), "some of it was committed");
    let mut rebuilding =
        Rebuilding::with_policy(store.clone(), second, model.clone(), policy(slices));
    let rebuilt = rebuilding.run().await.unwrap();
    assert!(rebuilt.position.get() >= BEFORE);
    assert!(rebuilt.handled < rebuilt.position.get(), "it went on from there");
    assert_eq!(versions.seen().await.0, 2);

    // It goes on beside the first one, which stays for a way back.
    let second = versions.second();
    let next = Runner::new(store.clone()).project_with(second, model.clone(), policy(slices));
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

    // And this is the way: it has followed, so there is nothing to build.
    let back = Rebuilding::new(store, versions.first(), model).run().await.unwrap();
    assert_eq!(back.handled, 0);
    assert_eq!(versions.seen().await, (1, head.cast_signed()));
}
