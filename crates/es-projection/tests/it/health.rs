//! P4 for an endpoint: what is dead is not alive, what is blind is not ready, and nothing that
//! is not known is zero.

use std::time::Duration;

use es_core::{ErrorKind, Health, Store};
use es_projection::{OnFailure, Policy, Runner, State};
use es_store_memory::{MemoryReadModel, MemoryStore};
use es_testkit::{Faults, HeadFault, When};

use crate::ledger::{Ledger, store, until, write, write_many};

const WITHIN: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_worker_that_failed_is_dead_and_one_that_was_stopped_is_not() {
    let (store, ledger) = (store(), Ledger::new());
    ledger.fails_on("note/1");
    write_many(&store, 4, 4).await;
    let policy = Policy::default().with_on_failure(OnFailure::Stop);
    let runner = Runner::new(store.clone()).project_with(ledger, MemoryReadModel::new(), policy);
    let running = runner.start().unwrap();
    until(&running, "notes", |status| status.state == State::Failed).await;
    let report = running.health(WITHIN).await;
    assert!(!report.is_live() && !report.is_ready());
    let [log, notes] = report.checks.as_slice() else { panic!("{report:?}") };
    assert_eq!((log.name.as_str(), &log.health), ("log", &Health::Healthy));
    assert_eq!(log.position.unwrap().get(), 4);
    assert_eq!(notes.name, "notes-v1");
    assert!(notes.is_dead && notes.health.is_unhealthy());
    assert!(notes.lag.unwrap() > 0);

    running.stop(WITHIN).await;
    let running =
        Runner::new(store).project(Ledger::new(), MemoryReadModel::new()).start().unwrap();
    until(&running, "notes", |status| status.lag.unwrap().events == 0).await;
    assert!(running.health(WITHIN).await.is_ready());
    running.stop(WITHIN).await;
    let report = running.health(WITHIN).await;
    assert!(report.is_live(), "it was asked to stop");
    assert!(!report.is_ready());
}

#[tokio::test]
async fn a_log_that_cannot_be_asked_is_not_ready_and_its_lag_is_not_known() {
    let faults = Faults::new();
    let store = Store::new(MemoryStore::new()).layer(&faults);
    write(&store, 1).await;
    let running =
        Runner::new(store).project(Ledger::new(), MemoryReadModel::new()).start().unwrap();
    until(&running, "notes", |status| status.lag.unwrap().events == 0).await;
    faults.on_head(When::always(), HeadFault::fail(ErrorKind::Unavailable));
    let report = running.health(WITHIN).await;
    assert!(report.is_live(), "a new start would not bring the log nearer");
    assert!(!report.is_ready());
    assert!(report.checks.iter().all(|check| check.health.is_unhealthy()));
    assert!(report.checks.iter().all(|check| check.lag.is_none() && check.lag_time.is_none()));
}
