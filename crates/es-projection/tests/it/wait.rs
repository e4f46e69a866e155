//! P6: reading one's own writes, in the process and from another.

use std::time::Duration;

use es_core::Owner;
use es_projection::{OnFailure, Policy, Runner, State, WaitError, wait_for};
use es_store_memory::MemoryReadModel;

use crate::{
    ledger::{Ledger, row, store, subscriber, until, write},
    spoilt::{Call, Fault, Spoilt},
};

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_waited_for_can_be_read() {
    let (store, model) = (store(), MemoryReadModel::new());
    let running = Runner::new(store.clone()).project(Ledger::new(), model.clone()).start().unwrap();
    for number in 1..=100 {
        let receipt = write(&store, "a").await;
        if number % 2 == 0 {
            running.wait_for("notes", &receipt, LONG).await.unwrap();
        } else {
            wait_for(&model, &subscriber(), &receipt, LONG).await.unwrap();
        }
        assert_eq!(row(&model, "note/a").last(), Some(&number));
    }
}

#[tokio::test]
async fn waiting_tells_why_it_is_in_vain() {
    let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    ledger.fails_on("note/bad");
    let running = Runner::new(store.clone()).project(ledger, model.clone()).start().unwrap();
    let bad = write(&store, "bad").await;
    let name = subscriber();
    for waited in
        [running.wait_for("notes", &bad, LONG).await, wait_for(&model, &name, &bad, LONG).await]
    {
        let Err(WaitError::Parked { position, .. }) = waited else { panic!("{waited:?}") };
        assert_eq!(position, bad.last);
    }

    let other = write(&crate::ledger::store(), "x").await;
    for waited in
        [running.wait_for("notes", &other, LONG).await, wait_for(&model, &name, &other, LONG).await]
    {
        assert!(matches!(waited, Err(WaitError::OtherLog { .. })), "{waited:?}");
    }

    running.pause("notes").unwrap();
    until(&running, "notes", |status| status.state == es_projection::State::Paused).await;
    let late = write(&store, "x").await;
    for waited in
        [running.wait_for("notes", &late, SHORT).await, wait_for(&model, &name, &late, SHORT).await]
    {
        let Err(WaitError::TimedOut { position, .. }) = waited else { panic!("{waited:?}") };
        assert_eq!(position, bad.last);
    }
    running.stop(LONG).await;
    let waited = running.wait_for("notes", &late, LONG).await;
    assert!(matches!(waited, Err(WaitError::NotRunning { .. })), "{waited:?}");
}

#[tokio::test]
async fn a_time_that_no_clock_reaches_is_as_good_as_none() {
    let (store, model) = (store(), MemoryReadModel::new());
    let running = Runner::new(store.clone()).project(Ledger::new(), model.clone()).start().unwrap();
    let receipt = write(&store, "x").await;
    running.wait_for("notes", &receipt, Duration::MAX).await.unwrap();
    wait_for(&model, &subscriber(), &receipt, Duration::MAX).await.unwrap();
    running.drain(Duration::MAX).await.unwrap();
    running.stop(Duration::MAX).await;
}

/// One that stands by for a projection that others have cut into slices meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_stands_by_waits_for_the_slices_of_others() {
    let (store, model) = (store(), Spoilt::new());
    let old = Runner::new(store.clone())
        .owned_by(Owner::new("old"))
        .with_lease(Duration::from_secs(60))
        .project(Ledger::new(), model.inner.clone())
        .start()
        .unwrap();
    write(&store, 1).await;
    until(&old, "notes", |status| status.position.get() == 1).await;
    model.plan(|call, _| (call == Call::Commit).then_some(Fault::Hang));
    let start = || {
        let policy = Policy::default().with_slices(2);
        Runner::new(store.clone()).project_with(Ledger::new(), model.clone(), policy).start()
    };
    let slices = start().unwrap();
    until(&slices, "notes", |status| status.state == State::Live).await;
    let receipt = write(&store, 2).await;
    until(&old, "notes", |status| status.state == State::Standby).await;
    let waited = old.wait_for("notes", &receipt, SHORT).await;
    assert!(matches!(waited, Err(WaitError::TimedOut { .. })), "{waited:?}");

    drop(slices);
    model.plan(|_, _| None);
    let _slices = start().unwrap();
    old.wait_for("notes", &receipt, LONG).await.unwrap();
    assert_eq!(row(&model.inner, "note/2"), [1]);
}

/// What is skipped is parked for a moment, which is nobody's business.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_skipped_is_not_told_to_be_parked() {
    let (store, model, ledger) = (store(), Spoilt::new(), Ledger::new());
    ledger.fails_on("note/bad");
    let policy = Policy::default().with_on_failure(OnFailure::Skip("no matter".to_owned()));
    let runner = Runner::new(store.clone()).project_with(ledger, model.clone(), policy);
    let running = runner.start().unwrap();
    until(&running, "notes", |status| status.state == State::Live).await;
    // The moment lasts: it is parked, and is to be given up next.
    model.plan(|call, _| (call == Call::List).then_some(Fault::Hang));
    let receipt = write(&store, "bad").await;
    running.wait_for("notes", &receipt, LONG).await.unwrap();
}
