//! A row that cannot be imported is told by its key, and holds up its own stream only.

use eventsource::{Append, EventId, ExpectedVersion, NewEvent, Payload, Schema, StreamId};

use crate::source::{FILL, GO_ON, Source, V0_14_0, all, count, counts, memory, on};

/// Breaks the second event of order 2 (position 102), and says what is told about it.
async fn told(mut source: Source, set: &str) -> String {
    source.run(&format!("UPDATE events SET {set} WHERE global_position = 102")).await;
    let store = memory();
    let report = source.import(&store, GO_ON).await;
    // Order 2 has four events: the first is imported, the last two are held.
    assert_eq!(counts(&report), count(347, 0, 2, 1));
    let bad = report.bad[0].clone();
    assert!(bad.key.starts_with("Order/") && bad.key.contains("version"), "{bad:?}");

    // A second run tells the same and adds nothing.
    let again = source.import(&store, GO_ON).await;
    assert_eq!(counts(&again), count(0, 347, 2, 1));
    assert_eq!(again.bad, report.bad);
    source.end().await;
    bad.why
}

macro_rules! bad_rows {
    ($($name:ident: $set:literal => $why:literal;)*) => {
        $(
            #[test]
            fn $name() {
                on(&[V0_14_0, FILL], |source| async move {
                    let why = told(source, $set).await;
                    assert!(why.contains($why), "{why}");
                });
            }
        )*
    };
}

bad_rows! {
    a_name_that_cannot_be_one: "event_type = 'Item Added'" => "reserved character";
    a_schema_version_that_is_no_number:
        "payload = payload || '{\"event_version\": \"x\"}'" => "event_version";
    a_correlation_that_is_no_uuid:
        "payload = payload || '{\"correlation_id\": \"x\"}'" => "correlation_id is no UUID";
    metadata_that_is_no_object: "payload = payload || '{\"metadata\": [1]}'" => "no object";
    a_time_without_an_end: "timestamp = 'infinity'" => "not finite";
    a_tenant_that_changes: "tenant_id = md5('x')::uuid" => "the tenant of the stream was";
    a_hole: "version = 5" => "follows version 1";
    a_payload_above_the_limit:
        "payload = payload || jsonb_build_object('x', repeat('y', 2000000))" => "bytes";
}

#[test]
fn without_going_on_everything_before_is_imported_and_nothing_behind() {
    on(&[V0_14_0, FILL], |mut source| async move {
        source.run("UPDATE events SET event_type = '!' WHERE global_position = 102").await;
        let store = memory();
        let report = source.import(&store, Default::default()).await;
        assert_eq!(counts(&report), count(101, 0, 0, 1));
        assert_eq!(all(&store).await.len(), 101);
        source.end().await;
    });
}

#[test]
fn a_row_that_was_mended_is_imported_with_what_it_held_up() {
    on(&[V0_14_0, FILL], |mut source| async move {
        source.run("UPDATE events SET event_type = '!' WHERE global_position = 102").await;
        let store = memory();
        source.import(&store, GO_ON).await;
        source.run("UPDATE events SET event_type = 'ItemAdded' WHERE global_position = 102").await;
        let report = source.import(&store, GO_ON).await;
        assert_eq!(counts(&report), count(3, 347, 0, 0));
        source.end().await;
    });
}

#[test]
fn an_id_that_the_log_has_for_something_else_is_told() {
    on(&[V0_14_0, FILL], |mut source| async move {
        let id =
            source.client.query_one("SELECT event_id FROM events WHERE global_position = 102", &[]);
        let id = EventId::from_uuid(id.await.unwrap().get(0));
        let store = memory();
        let other = Payload::json("something else").unwrap();
        let other = NewEvent::known(id, Schema::from_static("other", 1), other);
        let stream = StreamId::new("other", 1).unwrap();
        store.append(Append::to(stream, ExpectedVersion::Any).event(other)).await.unwrap();

        let report = source.import(&store, GO_ON).await;
        assert_eq!(counts(&report), count(347, 0, 2, 1));
        assert!(report.bad[0].why.contains("another event of this id"), "{report}");
        source.end().await;
    });
}

#[test]
fn a_stream_that_has_other_events_in_the_log_is_told() {
    on(&[V0_14_0, FILL], |mut source| async move {
        let key = "SELECT aggregate_id::text FROM events WHERE tenant_id IS NULL LIMIT 1";
        let key: String = source.client.query_one(key, &[]).await.unwrap().get(0);
        let store = memory();
        let stream = StreamId::new("Order", key).unwrap();
        let ours = NewEvent::raw(Schema::from_static("ours", 1), Payload::json("x").unwrap());
        store.append(Append::to(stream, ExpectedVersion::Any).event(ours)).await.unwrap();
        let report = source.import(&store, GO_ON).await;
        assert_eq!(report.bad.len(), 1);
        assert_eq!(report.imported + report.held, 349);
        source.end().await;
    });
}

#[test]
fn a_version_below_one_holds_its_whole_stream() {
    on(&[V0_14_0, FILL], |mut source| async move {
        source.run("UPDATE events SET version = -1 WHERE global_position = 102").await;
        let report = source.import(&memory(), GO_ON).await;
        assert_eq!(counts(&report), count(346, 0, 3, 1));
        assert!(report.bad[0].why.contains("-1 is no version"), "{report}");
        source.end().await;
    });
}
