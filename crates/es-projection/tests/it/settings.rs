//! What a runner is told cannot bring it down or keep it from its work.

use std::time::Duration;

use es_core::{BoxError, ErrorKind, Owner, Recorded};
use es_projection::{Policy, Projection, Runner};
use es_store_memory::{MemoryReadModel, MemoryTx};

use crate::ledger::{Ledger, NoteEvent, assert_complete, store, write_many};

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

/// They say that nobody works, or that appends do.
#[tokio::test]
async fn owners_of_names_that_mean_something_else_are_refused() {
    for name in ["", "inline"] {
        let mut runner = Runner::new(store())
            .owned_by(Owner::new(name))
            .project(Ledger::new(), MemoryReadModel::new());
        let error = runner.catch_up().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("owner of a runner"), "{error}");
    }
}

/// Its slices have names that are short enough, the places of those who work on them have not.
struct Long;

impl Projection for Long {
    const NAME: &'static str = "twelve.letters.twelve.letters.twelve.letters.twelve.letters.\
                                twelve.letters.twelve.letters.twelve.letters.twelve.letter";
    type Event = NoteEvent;
    type Tx = MemoryTx;

    async fn apply(&self, _: &Recorded<NoteEvent>, _: &mut MemoryTx) -> Result<(), BoxError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_name_without_room_for_who_works_on_its_slices_is_refused() {
    let runner = || {
        let policy = Policy::default().with_slices(10);
        Runner::new(store()).project_with(Long, MemoryReadModel::new(), policy)
    };
    let error = runner().with_lease(LONG).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("128"), "{error}");
    runner().catch_up().await.unwrap();
}
