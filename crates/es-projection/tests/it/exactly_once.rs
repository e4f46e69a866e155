//! P1: rows and checkpoint commit together, whatever fails.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use es_core::{Error, ErrorKind, ReadModel};
use es_projection::{Policy, Runner};
use es_store_memory::MemoryReadModel;

use crate::{
    ledger::{Ledger, assert_complete, parked, store, write, write_many},
    spoilt::{Call, Fault, Spoilt},
};

#[tokio::test]
async fn catching_up_handles_everything_once_and_again_only_what_is_new() {
    let (store, model) = (store(), MemoryReadModel::new());
    write_many(&store, 1_500, 7).await;
    let mut runner = Runner::new(store.clone()).project(Ledger::new(), model.clone());
    let caught_up = runner.catch_up().await.unwrap();
    assert_eq!((caught_up[0].handled, caught_up[0].parked), (1_500, 0));
    assert_eq!(caught_up[0].position.get(), 1_500);
    assert_complete(&store, &model).await;

    write(&store, 3).await;
    let mut again = Runner::new(store.clone()).project(Ledger::new(), model.clone());
    assert_eq!(again.catch_up().await.unwrap()[0].handled, 1, "it goes on from the checkpoint");
    assert_eq!(again.catch_up().await.unwrap()[0].handled, 0);
    assert_complete(&store, &model).await;
}

#[tokio::test]
async fn what_a_failing_or_panicking_handler_wrote_is_rolled_back() {
    let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    write_many(&store, 600, 5).await;
    let turn = Arc::new(AtomicUsize::new(0));
    ledger.says(move |_| match turn.fetch_add(1, Ordering::SeqCst) % 50 {
        49 => Err(Error::new(ErrorKind::Busy, "now and then").into()),
        _ => Ok(()),
    });
    let quick = Policy::default()
        .with_retries(100)
        .with_backoff(std::time::Duration::from_micros(1), std::time::Duration::from_micros(10));
    let mut runner = Runner::new(store.clone()).project_with(ledger.clone(), model.clone(), quick);
    runner.catch_up().await.unwrap();
    assert!(ledger.calls() > 600, "some were tried again");
    assert_complete(&store, &model).await;

    // Each event panics at its first attempt, wherever that is.
    write_many(&store, 40, 5).await;
    ledger.says(|event| {
        assert!(event.position.get() != 620, "torn in the middle");
        Ok(())
    });
    runner.catch_up().await.unwrap();
    assert_eq!(parked(&model).await, [620, 625, 630, 635, 640], "the panic, and those behind it");
    ledger.says(|_| Ok(()));
    let running = runner.start().unwrap();
    let retried = running.retry_parked("notes", None).await.unwrap();
    assert_eq!((retried.handled, retried.still_parked), (5, 0));
    assert_complete(&store, &model).await;
}

/// Every call of the model fails in turn, before and after it takes place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_failure_of_the_read_model_writes_twice_or_loses() {
    let calls = [Call::Claim, Call::Look, Call::Advance, Call::Begin, Call::Commit, Call::List];
    let faults = [
        Fault::Before(ErrorKind::Unavailable),
        Fault::Before(ErrorKind::OutcomeUnknown),
        Fault::After(ErrorKind::OutcomeUnknown),
        Fault::Panic,
    ];
    for call in calls {
        for fault in faults {
            let (store, model, ledger) = (store(), Spoilt::new(), Ledger::new());
            write_many(&store, 30, 3).await;
            let sent = Arc::new(AtomicUsize::new(0));
            let spoilt = Arc::clone(&sent);
            model.plan(move |made, count| {
                let is_spoilt = made == call && matches!(count, 1 | 3);
                is_spoilt.then(|| {
                    spoilt.fetch_add(1, Ordering::SeqCst);
                    fault
                })
            });
            let policy = Policy::default().with_batch(7);
            let runner = Runner::new(store.clone());
            let mut runner = runner.project_with(ledger.clone(), model.clone(), policy);
            runner.catch_up().await.unwrap();
            write_many(&store, 5, 3).await;
            runner.catch_up().await.unwrap();
            assert_complete(&store, &model.inner).await;
            assert_eq!(parked(&model.inner).await, [0; 0], "{call:?} {fault:?}");
        }
    }
}

/// A commit whose reply is lost, and which takes place late: after the worker has looked and
/// handled the events again.
#[tokio::test]
async fn a_commit_that_takes_place_late_is_fenced() {
    let (store, model, ledger) = (store(), Spoilt::new(), Ledger::new());
    write_many(&store, 10, 3).await;
    model.plan(|call, count| (call == Call::Commit && count == 1).then_some(Fault::Late));
    let mut runner = Runner::new(store.clone()).project(ledger, model.clone());
    runner.catch_up().await.unwrap();
    assert_complete(&store, &model.inner).await;
    let (tx, progress) = model.late.lock().unwrap().pop().expect("one was kept back");
    let late = model.inner.commit(tx, &progress).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Fenced);
    assert_complete(&store, &model.inner).await;
}

/// A model that has lost what it acknowledged: going on would leave a hole.
#[tokio::test]
async fn a_model_that_lost_commits_is_not_gone_on_with() {
    let (store, model, ledger) = (store(), Spoilt::new(), Ledger::new());
    write_many(&store, 30, 3).await;
    model.plan(|call, count| (call == Call::Commit && count == 3).then_some(Fault::Wiped));
    let policy = Policy::default().with_batch(7);
    let mut runner = Runner::new(store.clone()).project_with(ledger.clone(), model.clone(), policy);
    let error = runner.catch_up().await.unwrap_err();
    assert!(error.to_string().contains("epoch"), "{error}");
    assert_eq!(model.count(Call::Commit), 3, "nothing was committed behind the hole");
    let before = ledger.calls();
    runner.catch_up().await.unwrap();
    assert_eq!(ledger.calls() - before, 30, "it began again where the model is");
}

/// A worker that settles a lost commit claims again. Somebody who claimed and committed in
/// between has handled what is in its hands.
#[tokio::test]
async fn whoever_was_overtaken_while_it_settled_a_commit_is_fenced() {
    for to in [10, 14, 20] {
        let (store, model, ledger) = (store(), Spoilt::new(), Ledger::new());
        write_many(&store, 30, 3).await;
        model.plan(move |call, count| match (call, count) {
            (Call::Commit, 2) => Some(Fault::Before(ErrorKind::OutcomeUnknown)),
            (Call::Claim, 2) => Some(Fault::Overtaken(to)),
            _ => None,
        });
        let policy = Policy::default().with_batch(7);
        let runner = Runner::new(store.clone());
        let mut runner = runner.project_with(ledger.clone(), model.clone(), policy);
        let error = runner.catch_up().await.unwrap_err();
        assert!(error.to_string().contains("epoch"), "{to}: {error}");
        assert_eq!(model.count(Call::Commit), 2, "{to}: nothing was handled twice");
        let before = ledger.calls();
        runner.catch_up().await.unwrap();
        assert_eq!((ledger.calls() - before) as u64, 30 - to, "{to}: it goes on behind the other");
    }
}
