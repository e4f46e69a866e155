//! From catching up to live without a seam: events that land before, during and after the
//! switch take effect once and in order.

use std::time::Duration;

use es_projection::Runner;
use es_store_memory::MemoryReadModel;
use es_testkit::{Faults, HeadFault, ReadFault, WaitFault, When};

use crate::ledger::{Ledger, assert_complete, store, until, write, write_many};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_around_the_switch_to_live_take_effect_once_and_in_order() {
    for run in 0..3_000_usize {
        let (store, model) = (store(), MemoryReadModel::new());
        write_many(&store, run % 17, 3).await;
        let runner = Runner::new(store.clone()).project(Ledger::new(), model.clone());
        let publishers: Vec<_> = (0..3)
            .map(|publisher| {
                let store = store.clone();
                tokio::spawn(async move {
                    let mut last = None;
                    for number in 0..8 {
                        for _ in 0..(run + publisher) % 5 {
                            tokio::task::yield_now().await;
                        }
                        last = Some(write(&store, (number + publisher) % 4).await);
                    }
                    last.unwrap()
                })
            })
            .collect();
        let running = runner.start().unwrap();
        for publisher in publishers {
            let receipt = publisher.await.unwrap();
            running.wait_for("notes", &receipt, Duration::from_secs(20)).await.unwrap();
        }
        assert_complete(&store, &model).await;
        assert_eq!(running.stop(Duration::from_secs(20)).await.aborted, [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_cannot_be_read_for_a_while_costs_nothing_but_time() {
    let (faults, model) = (Faults::new(), MemoryReadModel::new());
    let plain = store();
    let store = plain.clone().layer(&faults);
    write_many(&plain, 2_000, 3).await;
    let broken = es_core::ErrorKind::Unavailable;
    let fault = es_core::ErrorKind::Fault;
    faults.on_read(When::call(1), ReadFault::fail_after(700, broken));
    faults.on_read(When::call(2), ReadFault::fail_after(900, fault));
    faults.on_wait(When::first(2), WaitFault::fail(broken));
    faults.on_wait(When::call(3), WaitFault::wake_early());
    faults.on_head(When::call(1), HeadFault::fail(broken));
    let runner = Runner::new(store.clone()).project(Ledger::new(), model.clone());
    let running = runner.start().unwrap();
    until(&running, "notes", |status| status.position.get() == 2_000).await;
    for _ in 0..5 {
        let receipt = write(&plain, 1).await;
        running.wait_for("notes", &receipt, Duration::from_secs(20)).await.unwrap();
    }
    assert_complete(&plain, &model).await;
}

/// The third wait hangs for ever: the worker notices that the log has grown all the same.
#[tokio::test(start_paused = true)]
async fn a_lost_wake_up_is_noticed() {
    let (faults, model) = (Faults::new(), MemoryReadModel::new());
    let plain = store();
    let lost = faults.on_wait(When::next(), WaitFault::hang());
    let runner = Runner::new(plain.clone().layer(&faults)).project(Ledger::new(), model.clone());
    let running = runner.start().unwrap();
    lost.reached().await;
    let receipt = write(&plain, 1).await;
    running.wait_for("notes", &receipt, Duration::from_secs(60)).await.unwrap();
    assert_complete(&plain, &model).await;
}
