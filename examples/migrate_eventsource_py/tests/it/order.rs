//! The order of the log is that in which rows were written, and of each stream that of its
//! versions.

use importer::EventsourcePy;

use crate::source::{FILL, V0_1_0, V0_14_0, all, count, counts, memory, on};

#[test]
fn a_column_that_was_added_to_0_1_0_gives_the_order() {
    on(&[V0_1_0, "ALTER TABLE events ADD COLUMN id bigserial", FILL], |mut source| async move {
        // Times that say the opposite.
        source.run("UPDATE events SET created_at = now() - id * interval '1 second'").await;
        let look = EventsourcePy::look_at(&source.client, "events").await.unwrap();
        assert_eq!(look.order(), "id");
        let store = memory();
        let report = source.import(&store, Default::default()).await;
        assert_eq!(counts(&report), count(350, 0, 0, 0));
        let rows =
            source.client.query("SELECT event_id FROM events ORDER BY id", &[]).await.unwrap();
        let rows: Vec<uuid::Uuid> = rows.iter().map(|row| row.get(0)).collect();
        let events: Vec<_> = all(&store).await.iter().map(|event| event.id.as_uuid()).collect();
        assert_eq!(events, rows);
        source.end().await;
    });
}

#[test]
fn events_of_one_transaction_come_in_the_order_of_their_versions() {
    on(&[V0_1_0, FILL], |mut source| async move {
        source.run("UPDATE events SET created_at = '2026-01-31'").await;
        let store = memory();
        let report = source.import(&store, Default::default()).await;
        assert_eq!(counts(&report), count(350, 0, 0, 0));
        source.end().await;
    });
}

#[test]
fn a_position_that_contradicts_the_versions_does_not_count() {
    on(&[V0_14_0, FILL], |mut source| async move {
        // Version 2 of the first order gets a position before version 1.
        source.run("UPDATE events SET global_position = 0 WHERE global_position = 101").await;
        let store = memory();
        let report = source.import(&store, Default::default()).await;
        assert_eq!(counts(&report), count(350, 0, 0, 0));
        let events = all(&store).await;
        assert_eq!((events[0].version.get(), events[1].version.get()), (1, 2));
        assert_eq!(events[0].stream, events[1].stream);
        source.end().await;
    });
}

#[test]
fn a_name_is_taken_as_sql_takes_it() {
    const MOVE: &str = "CREATE SCHEMA shop; ALTER TABLE events SET SCHEMA shop;
        ALTER TABLE shop.events RENAME TO \"Events\"";
    on(&[V0_14_0, FILL, MOVE], |source| async move {
        let look = EventsourcePy::look_at(&source.client, "shop.\"Events\"").await.unwrap();
        assert_eq!(look.order(), "global_position");
        source.end().await;
    });
}

#[test]
fn another_table_is_refused() {
    on(&["CREATE TABLE events (name text)"], |source| async move {
        let error = EventsourcePy::look_at(&source.client, "events").await.unwrap_err();
        assert!(error.to_string().contains("no column event_id"), "{error}");
        let error = EventsourcePy::look_at(&source.client, "nothing").await.unwrap_err();
        assert_eq!(error.to_string(), "there is no table nothing");
        source.end().await;
    });
}
