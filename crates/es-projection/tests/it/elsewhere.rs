//! Parked events where another process is at work.

use std::{sync::Arc, time::Duration};

use es_core::{BoxError, Owner, Position, Recorded, Store};
use es_projection::{Policy, Projection, Runner, Running, State};
use es_store_memory::{MemoryReadModel, MemoryTx};
use tokio::sync::Semaphore;

use crate::{
    ledger::{Ledger, NoteEvent, assert_complete, row, store, until, write, write_many},
    slices::held,
};

const LONG: Duration = Duration::from_secs(30);

fn start(store: &Store, model: &MemoryReadModel, name: &str, slices: u16, it: &Ledger) -> Running {
    // Processes find out about each other in a part of the lease.
    let lease = Duration::from_secs(if slices > 1 { 2 } else { 60 });
    Runner::new(store.clone())
        .owned_by(Owner::new(name))
        .with_lease(lease)
        .project_with(it.clone(), model.clone(), Policy::default().with_slices(slices))
        .start()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_of_another_process_are_retried_and_given_up_from_here() {
    let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    ledger.fails_on("note/1");
    let first = start(&store, &model, "first", 1, &ledger);
    until(&first, "notes", |status| status.state == State::Live).await;
    write_many(&store, 6, 2).await;
    until(&first, "notes", |status| status.position.get() == 6).await;
    let second = start(&store, &model, "second", 1, &ledger);
    until(&second, "notes", |status| status.state == State::Standby).await;

    assert!(!second.skip_parked("notes", Position::new(1), "not there").await.unwrap());
    let epoch = first.status("notes").await.unwrap().epoch;
    assert_eq!(epoch, 1, "nobody was disturbed for that");
    assert!(second.skip_parked("notes", Position::new(2), "of no use").await.unwrap());
    ledger.says(|_| Ok(()));
    let retried = second.retry_parked("notes", None).await.unwrap();
    assert_eq!((retried.handled, retried.still_parked), (2, 0));
    assert_eq!(row(&model, "note/1"), [2, 3]);
    let skipped = first.skipped("notes", Position::START, 9).await.unwrap();
    assert_eq!((skipped.len(), skipped[0].1.as_str()), (1, "of no use"));

    // Nothing is left to retry, so nobody is disturbed; and somebody goes on at once, although
    // a lease is a minute.
    let receipt = write(&store, 1).await;
    first.wait_for("notes", &receipt, LONG).await.unwrap();
    let epoch =
        first.status("notes").await.unwrap().epoch.max(second.status("notes").await.unwrap().epoch);
    for running in [&first, &second] {
        assert_eq!(running.retry_parked("notes", None).await.unwrap().handled, 0);
        assert!(running.status("notes").await.unwrap().epoch <= epoch);
    }
    assert_eq!(row(&model, "note/1"), [2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slices_of_another_process_are_retried_from_here() {
    let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    ledger.says(|_| Err("all of it".into()));
    let first = start(&store, &model, "first", 4, &ledger);
    let second = start(&store, &model, "second", 4, &ledger);
    for running in [&first, &second] {
        until(running, "notes", |status| held(status) == 2).await;
    }
    write_many(&store, 60, 30).await;
    until(&first, "notes", |status| status.parked == 60).await;
    // What still fails stays, whoever tries.
    let retried = second.retry_parked("notes", None).await.unwrap();
    assert_eq!((retried.handled, retried.still_parked), (0, 60));
    ledger.says(|_| Ok(()));
    let retried = second.retry_parked("notes", None).await.unwrap();
    assert_eq!((retried.handled, retried.still_parked), (60, 0));
    assert_complete(&store, &model).await;
    let receipt = write(&store, 1).await;
    for running in [&first, &second] {
        running.wait_for("notes", &receipt, LONG).await.unwrap();
        until(running, "notes", |status| held(status) == 2).await;
    }
    assert_complete(&store, &model).await;
}

/// Handles an event when it is let.
#[derive(Clone)]
struct Gated {
    ledger: Ledger,
    begun: Arc<Semaphore>,
    gate: Arc<Semaphore>,
}

impl Projection for Gated {
    const NAME: &'static str = "notes";
    type Event = NoteEvent;
    type Tx = MemoryTx;

    async fn apply(&self, event: &Recorded<NoteEvent>, tx: &mut MemoryTx) -> Result<(), BoxError> {
        self.begun.add_permits(1);
        self.gate.acquire().await?.forget();
        self.ledger.apply(event, tx).await
    }
}

/// Whoever asked for it and has gone wants no more than what is in hand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_from_here_that_is_dropped_ends_behind_the_event_in_hand() {
    let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    ledger.says(|_| Err("torn".into()));
    let first = start(&store, &model, "first", 1, &ledger);
    write_many(&store, 5, 5).await;
    until(&first, "notes", |status| status.parked == 5).await;
    let closed = || Arc::new(Semaphore::new(0));
    let gated = Gated { ledger: Ledger::new(), begun: closed(), gate: closed() };
    let second = Runner::new(store.clone())
        .owned_by(Owner::new("second"))
        .with_lease(Duration::from_secs(60))
        .project(gated.clone(), model.clone())
        .start()
        .unwrap();
    until(&second, "notes", |status| status.state == State::Standby).await;
    tokio::select! {
        retried = second.retry_parked("notes", None) => panic!("{retried:?}"),
        begun = gated.begun.acquire() => begun.unwrap().forget(),
    }
    gated.gate.add_permits(5);
    // The place is left in good order, and one of those who stand by goes on.
    let status = until(&first, "notes", |status| status.epoch > 3).await;
    assert_eq!((gated.ledger.calls(), status.parked), (1, 4));
}
