//! Work that takes long: longer than a lease, or than whoever stops wants to wait.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use es_core::{BoxError, Owner, Recorded};
use es_projection::{IdempotencyKey, Policy, Projection, Reactor, Runner, Running, Scope, State};
use es_store_memory::{MemoryCheckpointStore, MemoryReadModel, MemoryTx};
use tokio::sync::Semaphore;

use crate::ledger::{
    Ledger, NoteEvent, assert_complete, store, subscriber, until, write, write_many,
};

const LEASE: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(60);

/// Takes its time over each event, and hangs over the first ones if it is to.
#[derive(Clone)]
struct Slow {
    ledger: Ledger,
    time: Duration,
    hangs: Arc<AtomicUsize>,
}

impl Slow {
    fn new(time: Duration) -> Self {
        Self { ledger: Ledger::new(), time, hangs: Arc::default() }
    }
}

impl Projection for Slow {
    const NAME: &'static str = "notes";
    type Event = NoteEvent;
    type Tx = MemoryTx;

    fn scope(&self) -> Scope {
        self.ledger.scope()
    }

    async fn apply(&self, event: &Recorded<NoteEvent>, tx: &mut MemoryTx) -> Result<(), BoxError> {
        let one_less = |hangs: usize| hangs.checked_sub(1);
        if self.hangs.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(self.time).await; // waits: it is what is slow
        self.ledger.apply(event, tx).await
    }
}

fn start(
    store: &es_core::Store,
    model: &MemoryReadModel,
    name: &str,
    slow: &Slow,
    stuck_after: Duration,
) -> Running {
    let policy = Policy::default().with_batch(64);
    Runner::new(store.clone())
        .owned_by(Owner::new(name))
        .with_lease(LEASE)
        .with_stuck_after(stuck_after)
        .project_with(slow.clone(), model.clone(), policy)
        .start()
        .unwrap()
}

async fn both_come_through(stuck_after: Duration) {
    let (store, model) = (store(), MemoryReadModel::new());
    let slow = Slow::new(Duration::from_millis(10));
    write_many(&store, 127, 3).await;
    let receipt = write(&store, 1).await;
    let first = start(&store, &model, "first", &slow, stuck_after);
    let second = start(&store, &model, "second", &slow, stuck_after);
    es_projection::wait_for(&model, &subscriber(), &receipt, LONG).await.unwrap();
    assert_complete(&store, &model).await;
    drop((first, second));
}

/// A batch takes twice the lease.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_outlasts_the_lease_is_not_taken_away_for_ever() {
    both_come_through(LONG).await;
}

/// No sign of life is given beside the work: then less is taken at once, until it fits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_fenced_over_its_work_takes_less_next_time() {
    both_come_through(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_hangs_does_not_keep_its_place() {
    let (store, model, slow) = (store(), MemoryReadModel::new(), Slow::new(Duration::ZERO));
    slow.hangs.store(1, Ordering::SeqCst);
    let first = start(&store, &model, "first", &slow, 2 * LEASE);
    until(&first, "notes", |status| status.state == State::Live).await;
    let second = start(&store, &model, "second", &slow, 2 * LEASE);
    let receipt = write(&store, 1).await;
    es_projection::wait_for(&model, &subscriber(), &receipt, LONG).await.unwrap();
    let status = until(&second, "notes", |status| status.state == State::Live).await;
    assert_eq!(status.owner.unwrap().as_str(), "second");
    assert!(first.status("notes").await.unwrap().health.is_unhealthy());
    assert_complete(&store, &model).await;
}

/// Does what it is let do.
#[derive(Clone)]
struct Gated {
    permits: Arc<Semaphore>,
    begun: Arc<Semaphore>,
    done: Arc<AtomicUsize>,
}

impl Gated {
    fn new() -> Self {
        let closed = || Arc::new(Semaphore::new(0));
        Self { permits: closed(), begun: closed(), done: Arc::default() }
    }
}

impl Reactor for Gated {
    const NAME: &'static str = "gated";
    type Event = NoteEvent;

    async fn react(&self, _: &Recorded<NoteEvent>, _: &IdempotencyKey) -> Result<(), BoxError> {
        self.begun.add_permits(1);
        self.permits.acquire().await?.forget();
        self.done.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

impl Gated {
    /// Returns when one more has begun.
    async fn begins(&self) {
        self.begun.acquire().await.unwrap().forget();
    }

    fn done(&self) -> usize {
        self.done.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn stopping_waits_for_what_is_in_hand_and_not_for_what_was_read() {
    let (store, gated) = (store(), Gated::new());
    write_many(&store, 300, 3).await;
    let checkpoints = MemoryCheckpointStore::new();
    let running =
        Runner::new(store.clone()).react(gated.clone(), checkpoints.clone()).start().unwrap();
    gated.begins().await;
    let stopping = async {
        let stopped = running.stop(Duration::from_secs(20)).await;
        assert_eq!(stopped.aborted, [""; 0]);
    };
    let one_more = async { gated.permits.add_permits(1) };
    tokio::join!(stopping, one_more);
    assert_eq!(gated.done(), 1);

    // The others are still to come, and none comes twice.
    gated.permits.add_permits(299);
    let running = Runner::new(store).react(gated.clone(), checkpoints).start().unwrap();
    until(&running, "gated", |status| status.position.get() == 300).await;
    assert_eq!(gated.done(), 300);
}

#[tokio::test]
async fn pausing_and_what_is_asked_do_not_wait_for_what_was_read() {
    let (store, gated) = (store(), Gated::new());
    write_many(&store, 300, 3).await;
    let running =
        Runner::new(store).react(gated.clone(), MemoryCheckpointStore::new()).start().unwrap();
    gated.begins().await;
    running.pause("gated").unwrap();
    gated.permits.add_permits(1);
    until(&running, "gated", |status| status.state == State::Paused).await;
    assert_eq!(gated.done(), 1);

    running.resume("gated").unwrap();
    gated.begins().await;
    let asking = running.retry_parked("gated", None);
    let one_more = async { gated.permits.add_permits(1) };
    let (retried, ()) = tokio::join!(asking, one_more);
    assert_eq!(retried.unwrap().handled, 0);
    assert!(gated.done() < 300);

    gated.permits.add_permits(298);
    let status = until(&running, "gated", |status| status.position.get() == 300).await;
    assert_eq!((gated.done(), status.parked), (300, 0));
    until(&running, "gated", |status| status.state == State::Live).await;
}
