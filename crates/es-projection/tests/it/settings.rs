//! What a runner is told cannot bring it down or keep it from its work.

use std::time::Duration;

use es_core::ErrorKind;
use es_projection::{Policy, Runner};
use es_store_memory::MemoryReadModel;

use crate::ledger::{Ledger, assert_complete, store, write_many};

const LONG: Duration = Duration::from_secs(20);

/// A time that no clock reaches means never, and one of nothing means often.
#[tokio::test]
async fn times_of_any_length_do_no_harm() {
    for time in [Duration::MAX, Duration::ZERO, Duration::from_nanos(1)] {
        for lease in [None, Some(Duration::MAX), Some(Duration::from_millis(30))] {
            let (store, model) = (store(), MemoryReadModel::new());
            let policy = Policy::default().with_backoff(time, time);
            let runner = Runner::new(store.clone())
                .with_heartbeat(time)
                .with_quiet_interval(time)
                .with_stuck_after(time)
                .with_watch_interval(time)
                .project_with(Ledger::new(), model.clone(), policy);
            let runner = match lease {
                Some(lease) => runner.with_lease(lease),
                None => runner,
            };
            write_many(&store, 10, 3).await;
            let running = runner.start().unwrap();
            let receipt = crate::ledger::write(&store, 1).await;
            running.wait_for("notes", &receipt, LONG).await.unwrap();
            let status = running.status("notes").await.unwrap();
            assert_eq!(status.last_error, None, "{time:?}, {lease:?}");
            running.stop(Duration::MAX).await;
            assert_complete(&store, &model).await;
        }
    }
}

#[tokio::test]
async fn a_lease_too_short_for_a_sign_of_life_is_refused() {
    for lease in [Duration::ZERO, Duration::from_millis(29)] {
        let runner = Runner::new(store()).with_lease(lease);
        let error = runner.project(Ledger::new(), MemoryReadModel::new()).start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let text = error.to_string();
        assert!(text.contains(&format!("{lease:?}")) && text.contains("30 milli"), "{text}");
    }
}

#[tokio::test]
async fn what_was_registered_wrongly_stays_wrong() {
    let model = MemoryReadModel::new();
    let runner = Runner::new(store()).project(Ledger::new(), model.clone());
    let mut runner = runner.project(Ledger::new(), model);
    for _ in 0..3 {
        assert_eq!(runner.catch_up().await.unwrap_err().kind(), ErrorKind::Invalid);
    }
    assert_eq!(runner.start().unwrap_err().kind(), ErrorKind::Invalid);
}
