//! The import of cqrs-es, from a database with its schema.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod program;

use cqrs_es_source::{CqrsEs, Wrapping};
use es_testkit::Fixture;
use eventsource::{Read, Recorded, Store, memory::MemoryStore, postgres::tokio_postgres::Client};
use importer::{Options, Report, Scratch, import};
use serde_json::{Value, json};

const SCHEMA: &str = include_str!("../../sql/v0_5_0.sql");
const FILL: &str = include_str!("../../sql/fill.sql");
const GO_ON: Options = Options { keep_going: true };

/// Runs a test on a fresh database that `scripts` have filled. Without a server it is skipped.
fn on<Test: Future<Output = ()>>(
    scripts: &'static [&'static str],
    test: impl FnOnce(Scratch, Client) -> Test,
) {
    let source = async {
        let url = std::env::var("ES_TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty());
        let url = url.unwrap_or_else(|| {
            es_testkit::skip("no PostgreSQL: run `cargo xtask test`, or set ES_TEST_POSTGRES_URL")
        });
        let scratch = Scratch::make(&url).await.unwrap();
        let client = scratch.connect(scripts).await.unwrap();
        Fixture::new((scratch, client), ())
    };
    es_testkit::run(source, |(scratch, client)| test(scratch, client));
}

async fn look(client: &Client) -> CqrsEs {
    CqrsEs::look_at(client, "events").await.unwrap()
}

async fn imported(client: &mut Client, source: &CqrsEs) -> (Vec<Recorded>, Report) {
    let store = Store::new(MemoryStore::new());
    let report = import(&store, client, source, GO_ON).await.unwrap();
    (store.read(Read::all()).into_vec().await.unwrap(), report)
}

#[test]
fn every_event_is_kept() {
    on(&[SCHEMA, FILL], |scratch, mut client| async move {
        let source = look(&client).await.with_time_key("time");
        let (events, report) = imported(&mut client, &source).await;
        assert_eq!((report.imported, report.bad.len()), (175, 0));

        let rows = "SELECT aggregate_id, sequence, event_type, metadata ->> 'time' AS time,
            metadata ->> 'user' AS teller, payload::jsonb -> event_type AS payload,
            coalesce(payload::jsonb -> event_type, '{}')::text AS fields
            FROM events ORDER BY metadata ->> 'time', aggregate_id";
        let rows = client.query(rows, &[]).await.unwrap();
        assert_eq!(events.len(), rows.len());
        for (event, row) in events.iter().zip(rows) {
            assert_eq!(event.stream.category().as_str(), "account");
            assert_eq!(event.stream.key().as_str(), row.get::<_, &str>("aggregate_id"));
            assert_eq!(event.version.get(), u64::try_from(row.get::<_, i64>("sequence")).unwrap());
            assert_eq!(event.schema.name.as_str(), row.get::<_, &str>("event_type"));
            assert_eq!(event.schema.version, 1);
            assert_eq!(event.metadata.extra("user"), Some(&json!(row.get::<_, &str>("teller"))));
            let occurred_at = event.metadata.occurred_at().unwrap().to_string();
            let time = row.get::<_, &str>("time").trim_end_matches(".000000Z").to_owned();
            assert!(occurred_at.starts_with(&time), "{occurred_at} is not {time}");
            let fields: Value = serde_json::from_str(row.get("fields")).unwrap();
            assert_eq!(event.payload.to_json::<Value>().unwrap(), fields);
        }
        drop(client);
        scratch.remove().await.unwrap();
    });
}

#[test]
fn a_second_run_doubles_nothing_and_later_rows_are_added() {
    on(&[SCHEMA, FILL], |scratch, mut client| async move {
        let source = look(&client).await.with_time_key("time");
        let store = Store::new(MemoryStore::new());
        import(&store, &mut client, &source, GO_ON).await.unwrap();
        let again = import(&store, &mut client, &source, GO_ON).await.unwrap();
        assert_eq!((again.imported, again.known), (0, 175));

        // Within the rows that are there by time, so batches are cut elsewhere.
        let later = "INSERT INTO events SELECT aggregate_type, aggregate_id, 4, 'Closed', '1.0',
            '\"Closed\"', '{\"time\": \"2026-01-31T13:00:20.5Z\"}' FROM events
            WHERE sequence = 3 AND aggregate_id NOT IN
                (SELECT aggregate_id FROM events WHERE sequence = 4)";
        client.batch_execute(later).await.unwrap();
        let report = import(&store, &mut client, &source, GO_ON).await.unwrap();
        assert_eq!((report.imported, report.known, report.bad.len()), (25, 175, 0));
        drop(client);
        scratch.remove().await.unwrap();
    });
}

#[test]
fn without_a_time_streams_come_one_after_the_other() {
    on(&[SCHEMA, FILL], |scratch, mut client| async move {
        let source = look(&client).await;
        let (events, _) = imported(&mut client, &source).await;
        let keys: Vec<_> = events.iter().map(|event| event.stream.key().as_str()).collect();
        assert!(keys.is_sorted());
        assert_eq!(events[0].metadata.occurred_at(), None);
        drop(client);
        scratch.remove().await.unwrap();
    });
}

#[test]
fn a_column_with_the_time_gives_the_order() {
    const TIMES: &str = "ALTER TABLE events ADD COLUMN timestamp timestamptz;
        UPDATE events SET timestamp = (metadata ->> 'time')::timestamptz";
    on(&[SCHEMA, FILL, TIMES], |scratch, mut client| async move {
        let source = look(&client).await;
        let (events, _) = imported(&mut client, &source).await;
        let by_time = look(&client).await.with_time_key("time");
        let (same, _) = imported(&mut client, &by_time).await;
        let ids = |events: &[Recorded]| events.iter().map(|event| event.id).collect::<Vec<_>>();
        assert_eq!(ids(&events), ids(&same));
        assert_eq!(events[7].metadata.occurred_at(), same[7].metadata.occurred_at());
        drop(client);
        scratch.remove().await.unwrap();
    });
}

/// What the payload of the one event of the table becomes.
async fn payload_of(client: &mut Client, source: &CqrsEs, name: &str, payload: &str) -> String {
    let row = "INSERT INTO events VALUES ('a', gen_random_uuid()::text, 1, $1, '1', $2::text::json, '{}')";
    client.execute("DELETE FROM events", &[]).await.unwrap();
    client.execute(row, &[&name, &payload]).await.unwrap();
    let (events, report) = imported(client, source).await;
    assert_eq!(events.len(), 1, "{report}");
    String::from_utf8(events[0].payload.bytes().to_vec()).unwrap()
}

#[test]
fn payloads_lose_the_name_of_their_variant_and_nothing_else() {
    on(&[SCHEMA], |scratch, mut client| async move {
        let source = look(&client).await;
        let same = r#"{"cents": 12345678901234567890.10}"#;
        for (name, payload, expected) in [
            ("Paid", r#"{"Paid": {"cents": 12345678901234567890.10}}"#, same),
            ("Account::Paid", r#"{"Paid": {"cents": 12345678901234567890.10}}"#, same),
            ("account.Paid", r#"{"Paid": {"cents": 12345678901234567890.10}}"#, same),
            ("Paid", "\"Paid\"", "{}"),
            ("Paid", r#"{"type": "Paid"}"#, r#"{"type": "Paid"}"#),
            ("Paid", r#"{"Paid": 1, "more": 2}"#, r#"{"Paid": 1, "more": 2}"#),
            ("Paid", r#"{"Paid": null}"#, "null"),
            ("Paid", "[1]", "[1]"),
            ("paid-in", r#"{"Paid": {}}"#, r#"{"Paid": {}}"#),
        ] {
            assert_eq!(
                payload_of(&mut client, &source, name, payload).await,
                expected,
                "{payload}"
            );
        }
        let always = look(&client).await.with_wrapping(Wrapping::Always);
        assert_eq!(payload_of(&mut client, &always, "paid-in", r#"{"Paid": {}}"#).await, "{}");
        let never = look(&client).await.with_wrapping(Wrapping::Never);
        assert_eq!(
            payload_of(&mut client, &never, "Paid", r#"{"Paid": {}}"#).await,
            r#"{"Paid": {}}"#
        );
        drop(client);
        scratch.remove().await.unwrap();
    });
}

#[test]
fn versions_are_numbers_or_are_translated() {
    on(&[SCHEMA, FILL], |scratch, mut client| async move {
        let some = "UPDATE events SET event_version = v FROM (VALUES
            ('ACCT-0001', '2'), ('ACCT-0003', '3.0'), ('ACCT-0005', '1.1'), ('ACCT-0007', ''),
            ('ACCT-0009', '0')) AS of (id, v) WHERE aggregate_id = id AND sequence = 1";
        client.batch_execute(some).await.unwrap();
        let source = look(&client).await.with_version("1.1", 4);
        let (events, report) = imported(&mut client, &source).await;
        let version = |key: &str| {
            let mut of_key = events.iter().filter(|event| event.stream.key().as_str() == key);
            of_key.next().map(|event| event.schema.version)
        };
        assert_eq!(version("ACCT-0001"), Some(2));
        assert_eq!(version("ACCT-0003"), Some(3));
        assert_eq!(version("ACCT-0005"), Some(4));
        assert_eq!((version("ACCT-0007"), version("ACCT-0009")), (None, None));
        assert_eq!((report.bad.len(), report.held), (2, 4));
        assert!(report.bad[0].key.starts_with("account/ACCT-0007 version 1"), "{report}");
        drop(client);
        scratch.remove().await.unwrap();
    });
}
