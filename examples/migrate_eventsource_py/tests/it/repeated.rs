//! However often it is run, and wherever it is broken off, each event is there once.

use es_testkit::{AppendFault, Faults, When};
use eventsource::{ErrorKind, Store, memory::MemoryStore};

use crate::source::{FILL, V0_1_0, V0_14_0, all, count, counts, memory, on};

#[test]
fn a_second_run_doubles_nothing() {
    for schema in [&[V0_1_0, FILL], &[V0_14_0, FILL]] {
        on(schema, |mut source| async move {
            let store = memory();
            source.import(&store, Default::default()).await;
            let before = all(&store).await;
            let again = source.import(&store, Default::default()).await;
            assert_eq!(counts(&again), count(0, 350, 0, 0));
            assert_eq!(all(&store).await, before);
            source.end().await;
        });
    }
}

#[test]
fn what_came_later_is_added() {
    on(&[V0_14_0, FILL], |mut source| async move {
        let store = memory();
        source.run("CREATE TABLE later AS SELECT * FROM events WHERE global_position > 130").await;
        source.run("DELETE FROM events WHERE global_position > 130").await;
        assert_eq!(counts(&source.import(&store, Default::default()).await), count(130, 0, 0, 0));

        // Batches are cut elsewhere now, so the log sees parts of earlier appends.
        source.run("INSERT INTO events SELECT * FROM later").await;
        let later = source.import(&store, Default::default()).await;
        assert_eq!(counts(&later), count(220, 130, 0, 0));
        assert_eq!(all(&store).await.len(), 350);
        source.end().await;
    });
}

#[test]
fn a_lost_reply_doubles_nothing() {
    on(&[V0_14_0, FILL], |mut source| async move {
        let faults = Faults::new();
        let store = Store::new(MemoryStore::new()).layer(&faults);
        faults.on_append(When::every(2), AppendFault::lose_reply());
        let report = source.import(&store, Default::default()).await;
        assert_eq!(report.imported + report.known, 350);
        assert!(report.known > 0, "no reply was lost");
        assert_eq!(all(&store).await.len(), 350);
        source.end().await;
    });
}

#[test]
fn a_run_that_was_broken_off_is_finished_by_the_next() {
    on(&[V0_14_0, FILL], |mut source| async move {
        let faults = Faults::new();
        let store = Store::new(MemoryStore::new()).layer(&faults);
        faults.on_append(When::call(3), AppendFault::fail(ErrorKind::Closed));
        let error = source.try_import(&store, Default::default()).await.unwrap_err();
        assert_eq!(error.to_string(), "the log takes nothing");
        let half = all(&store).await.len();
        assert!(half > 0 && half < 350, "{half}");

        let report = source.import(&store, Default::default()).await;
        assert_eq!(report.imported + report.known, 350);
        assert_eq!(all(&store).await.len(), 350);
        source.end().await;
    });
}

#[test]
fn a_full_queue_is_waited_for() {
    on(&[V0_14_0, FILL], |mut source| async move {
        let faults = Faults::new();
        let store = Store::new(MemoryStore::new()).layer(&faults);
        faults.on_append(When::first(3), AppendFault::fail(ErrorKind::Busy));
        let report = source.import(&store, Default::default()).await;
        assert_eq!(counts(&report), count(350, 0, 0, 0));
        source.end().await;
    });
}
