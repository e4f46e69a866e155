//! P2: a worker that lost its place never writes.

use std::{sync::Arc, time::Duration};

use es_core::{CheckpointStore, Owner};
use es_projection::{Runner, State};
use es_store_memory::MemoryReadModel;
use tokio::sync::Semaphore;

use crate::ledger::{Ledger, assert_complete, store, subscriber, until, write, write_many};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_was_replaced_in_the_middle_of_a_batch_writes_nothing() {
    let (store, model) = (store(), MemoryReadModel::new());
    write_many(&store, 10, 3).await;
    // The first worker stands in its handler until it is let go.
    let (entered, go) = (Arc::new(Semaphore::new(0)), Arc::new(std::sync::Barrier::new(2)));
    let slow = Ledger::new();
    let (tell, wait) = (Arc::clone(&entered), Arc::clone(&go));
    slow.says(move |event| {
        if event.position.get() == 5 {
            tell.add_permits(1);
            wait.wait();
        }
        Ok(())
    });
    let first = Runner::new(store.clone())
        .owned_by(Owner::new("first"))
        .project(slow, model.clone())
        .start()
        .unwrap();
    drop(entered.acquire().await.unwrap());

    let mut second = Runner::new(store.clone())
        .owned_by(Owner::new("second"))
        .project(Ledger::new(), model.clone());
    second.catch_up().await.unwrap();
    assert_complete(&store, &model).await;

    go.wait();
    let status = until(&first, "notes", |status| status.state == State::Fenced).await;
    assert!(status.health.is_unhealthy());
    assert!(status.last_error.unwrap().message.contains("epoch 1"));
    assert_complete(&store, &model).await;
    let checkpoint = model.checkpoint(&subscriber()).await.unwrap().unwrap();
    assert_eq!((checkpoint.epoch, checkpoint.owner.as_str()), (2, "second"));

    // It stays as it is, also when there is more to do.
    write(&store, 1).await;
    second.catch_up().await.unwrap();
    assert_eq!(first.status("notes").await.unwrap().state, State::Fenced);
    first.resume("notes").unwrap();
    let status = until(&first, "notes", |status| status.state == State::Live).await;
    assert_eq!((status.epoch, status.owner.unwrap().as_str()), (4, "first"));
    assert_complete(&store, &model).await;
}

/// Two workers that are told again and again to take over from each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_take_over_from_each_other_write_everything_once() {
    let (store, model) = (store(), MemoryReadModel::new());
    let start = || {
        let runner = Runner::new(store.clone()).project(Ledger::new(), model.clone());
        runner.start().unwrap()
    };
    let (first, second) = (start(), start());
    for turn in 0..60 {
        write_many(&store, 5, 3).await;
        [&first, &second][turn % 2].resume("notes").unwrap();
        tokio::task::yield_now().await;
    }
    first.stop(Duration::from_secs(20)).await;
    second.stop(Duration::from_secs(20)).await;
    let last = start();
    until(&last, "notes", |status| status.position.get() == 300).await;
    assert_complete(&store, &model).await;
}
