//! Nothing of an event is lost on the way.

use eventsource::{Payload, Timestamp};
use serde_json::{Value, json};

use crate::source::{FILL, Source, V0_1_0, V0_14_0, all, count, counts, memory, on};

#[test]
fn every_event_of_0_1_0_is_kept() {
    on(&[V0_1_0, FILL], |source| keeps_every_event(source, "created_at, aggregate_id, version"));
}

#[test]
fn every_event_of_0_14_0_is_kept() {
    on(&[V0_14_0, FILL], |source| keeps_every_event(source, "global_position"));
}

/// Compares the log with the rows, one by one, in their order.
async fn keeps_every_event(mut source: Source, order: &str) {
    let store = memory();
    let report = source.import(&store, Default::default()).await;
    assert_eq!(counts(&report), count(350, 0, 0, 0));

    let rows = format!(
        "SELECT event_id, aggregate_id::text, event_type, tenant_id::text, actor_id, version,
            (extract(epoch FROM timestamp) * 1000000)::bigint AS micros, payload::text AS payload
        FROM events ORDER BY {order}"
    );
    let rows = source.client.query(&rows, &[]).await.unwrap();
    let events = all(&store).await;
    assert_eq!(events.len(), rows.len());
    for (event, row) in events.iter().zip(rows) {
        assert_eq!(event.id.as_uuid(), row.get::<_, uuid::Uuid>("event_id"));
        assert_eq!(event.stream.category().as_str(), "Order");
        assert_eq!(event.stream.key().as_str(), row.get::<_, &str>("aggregate_id"));
        assert_eq!(event.schema.name.as_str(), row.get::<_, &str>("event_type"));
        let tenant = event.tenant().map(|tenant| tenant.as_str());
        assert_eq!(tenant, row.get::<_, Option<&str>>("tenant_id"));
        assert_eq!(event.metadata.actor(), row.get::<_, Option<&str>>("actor_id"));
        assert_eq!(event.version.get(), u64::try_from(row.get::<_, i32>("version")).unwrap());
        let micros = Timestamp::from_micros(row.get("micros"));
        assert_eq!(event.metadata.occurred_at(), Some(micros));

        let theirs: Value = serde_json::from_str(row.get("payload")).unwrap();
        let id = |id: Option<uuid::Uuid>| id.map_or(Value::Null, |id| json!(id.to_string()));
        assert_eq!(id(event.metadata.correlation_id()), theirs["correlation_id"]);
        assert_eq!(id(event.metadata.causation_id()), theirs["causation_id"]);
        assert_eq!(event.metadata.extra("source"), Some(&theirs["metadata"]["source"]));
        let ours: Value = event.payload.to_json().unwrap();
        for field in ["customer", "sku", "cents"] {
            assert_eq!(ours[field], theirs[field]);
        }
        assert!(ours.get("event_id").is_none() && ours.get("metadata").is_none());
    }
    source.end().await;
}

#[test]
fn where_a_row_comes_from_is_kept() {
    on(&[V0_14_0, FILL], |mut source| async move {
        let store = memory();
        source.import(&store, Default::default()).await;
        let origin = all(&store).await[41].metadata.extra("eventsource_py").cloned().unwrap();
        assert_eq!(origin["global_position"], json!(42));
        assert!(origin["created_at"].as_str().unwrap().starts_with("2026-01-31T"));
        source.end().await;
    });
}

#[test]
fn numbers_stay_as_they_are() {
    on(&[V0_14_0, FILL], |mut source| async move {
        let rate = "UPDATE events SET payload = payload ||
            '{\"rate\": 12345678901234567890.1234567890123456789}' WHERE global_position = 1";
        source.run(rate).await;
        let store = memory();
        source.import(&store, Default::default()).await;
        let payload: &Payload = &all(&store).await[0].payload;
        let text = std::str::from_utf8(payload.bytes()).unwrap();
        assert!(text.contains("12345678901234567890.1234567890123456789"), "{text}");
        source.end().await;
    });
}

#[test]
fn the_version_of_a_schema_is_kept() {
    on(&[V0_14_0, FILL], |mut source| async move {
        let version = "UPDATE events SET payload = payload || '{\"event_version\": 3}'
            WHERE global_position = 1";
        source.run(version).await;
        let store = memory();
        source.import(&store, Default::default()).await;
        assert_eq!(all(&store).await[0].schema.version, 3);
        source.end().await;
    });
}
