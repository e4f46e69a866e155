//! How SQLite says it goes about each kind of read: by an index, in its order, and never
//! through the whole log.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use es_core::{
    Append, AppendRequest, EventId, EventStore, EventType, ExpectedVersion, NewEvent, Payload,
    Position, Query, Read, Schema, StreamId, Tag, Tenant, Timestamp, Version,
};
use rusqlite::{
    Connection, params_from_iter,
    trace::{TraceEvent, TraceEventCodes},
};

use super::{Cursor, Names};
use crate::{
    SqliteStore, append, open,
    options::{SqliteOptions, Synchronous},
};

fn stream(number: u64) -> StreamId {
    StreamId::new(if number.is_multiple_of(2) { "even" } else { "odd" }, number).unwrap()
}

fn types(numbers: &[u64]) -> Vec<EventType> {
    numbers.iter().map(|number| EventType::new(format!("type-{number}")).unwrap()).collect()
}

fn tag(number: u64) -> Tag {
    Tag::new("group", number).unwrap()
}

/// A log of 400 events of 8 types in 40 streams, with tags, and a connection that reads it.
async fn log() -> (tempfile::TempDir, Connection, EventId) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let store = SqliteStore::open(&file).await.unwrap();
    let mut some = None;
    for number in 0..40 {
        let events = (0..10).map(|part| {
            let name = EventType::new(format!("type-{}", part % 8)).unwrap();
            let payload = Payload::json("x".repeat(100).as_str()).unwrap();
            let event = NewEvent::raw(Schema::new(name, 1), payload);
            event.with_tag(tag(part)).with_tag(Tag::new("stream", number).unwrap())
        });
        let events: Vec<_> = events.collect();
        some = some.or(events.last().map(|event| event.id));
        let append = Append::to(stream(number), ExpectedVersion::NoStream).events(events);
        store.append(append.build().unwrap()).await.unwrap();
    }
    drop(store);
    let reader = open::reader(&file, &SqliteOptions::new()).unwrap();
    (folder, reader, some.unwrap())
}

/// SQLite's plan for a page of `read`, step by step; and the SQL, for who reads a failure.
fn steps(connection: &Connection, read: Read) -> (Vec<String>, String) {
    let mut cursor = Cursor::new(read);
    // The first page makes the plan; the next one is what is asked again and again.
    cursor.page(connection, &mut Names::default()).unwrap();
    let plan = cursor.plan.take().unwrap();
    let (sql, values) = cursor.query(&plan, 100);
    let sql = sql.expect("there is something to read");
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let steps = statement.query_map(params_from_iter(values), |row| row.get(3)).unwrap();
    (steps.map(Result::unwrap).collect(), sql)
}

/// What no read may do: go through a table of the log, or sort what it has found there.
///
/// `found` is at most one page of positions, whose order the last step may restore.
fn check(steps: &[String], sql: &str, wanted: &str) {
    let mut is_bounded = false;
    for step in steps {
        is_bounded |= step.contains("SCAN found");
        let is_derived = step.starts_with("SCAN found") || step.starts_with("SCAN (subquery");
        let scans = step.starts_with("SCAN ") && !is_derived;
        assert!(!scans, "it goes through everything: {steps:#?}\n{sql}");
        // Without a bound it runs along the index, until something fits.
        let runs = step.starts_with("SEARCH ") && !step.contains('(') && sql.contains("WHERE");
        assert!(!runs, "it searches without a bound: {steps:#?}\n{sql}");
        let sorts = step.contains("TEMP B-TREE") && !is_bounded;
        assert!(!sorts, "it sorts without a bound: {steps:#?}\n{sql}");
    }
    let has_wanted = steps.iter().any(|step| step.contains(wanted));
    assert!(has_wanted || wanted.is_empty(), "not by {wanted}: {steps:#?}\n{sql}");
}

#[tokio::test]
async fn each_kind_of_read_goes_by_an_index() {
    let (_folder, connection, id) = log().await;
    let (by_position, by_version) = (
        "INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
        "es_events_version (stream=? AND version>? AND version<?)",
    );
    let by_family = "es_events_family (family=? AND rowid>? AND rowid<?)";
    let by_tag = "es_tags USING PRIMARY KEY (tag=? AND position>? AND position<?)";
    let moment = Timestamp::now();
    let tagged_and_typed = Query::any().of_types(types(&[1])).or(Query::tagged(tag(3)));
    let reads = [
        (Read::all(), by_position),
        (Read::all().after(Position::new(7)).until(Position::new(300)), by_position),
        (Read::all().recorded_until(moment), by_position),
        (Read::stream(stream(3)), by_version),
        (Read::stream(stream(3)).from_version(Version::new(4).unwrap()), by_version),
        (Read::stream(stream(3)).tagged(tag(2)), by_version),
        (Read::category(stream(2).category().clone()), by_family),
        (Read::all().of_types(types(&[1])), by_family),
        (Read::all().of_types(types(&[1, 2, 3, 4])), by_family),
        (Read::all().tagged(tag(2)), by_tag),
        (Read::all().tagged(tag(2)).tagged(Tag::new("stream", 3).unwrap()), by_tag),
        (Read::all().matching(Query::tagged(tag(1)).or(Query::tagged(tag(2)))), by_tag),
        (Read::all().matching(tagged_and_typed.clone()), by_family),
        (Read::all().matching(tagged_and_typed), by_tag),
        (Read::event(id), "es_events_id (id=?)"),
    ];
    for (read, wanted) in reads {
        for read in [read.clone(), read.backward()] {
            let (steps, sql) = steps(&connection, read);
            check(&steps, &sql, wanted);
        }
    }
    // What means nothing that is there asks for nothing.
    let nobody = Read::all().tenant(Tenant::new("nobody").unwrap());
    let mut cursor = Cursor::new(nobody);
    cursor.page(&connection, &mut Names::default()).unwrap();
    let plan = cursor.plan.take().unwrap();
    assert_eq!(cursor.query(&plan, 100).0, None);
}

/// Whatever statement an append or a read runs in between: those that look for streams,
/// families, ids, times and the end of the log.
#[tokio::test]
async fn each_question_in_between_goes_by_an_index() {
    let (folder, _, _) = log().await;
    let mut connection = Connection::open(folder.path().join("log.db")).unwrap();
    let asked = Arc::new(Mutex::new(BTreeSet::new()));
    let heard = Arc::clone(&asked);
    let hear = move |event: TraceEvent<'_>| {
        if let TraceEvent::Stmt(statement, _) = event {
            heard.lock().unwrap().insert(statement.sql().into_owned());
        }
    };
    connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(hear)).unwrap();

    let id = open::log_id(&connection).unwrap();
    let path = connection.path().map(str::to_owned);
    let new = || NewEvent::raw(Schema::from_static("type-1", 1), Payload::json("x").unwrap());
    let known = Append::to(stream(3), ExpectedVersion::Any).event(new()).build().unwrap();
    let unless = Query::tagged(tag(2)).or(Query::any().of_types(types(&[99])));
    let fresh = Append::to(stream(99), ExpectedVersion::NoStream)
        .event(new().with_tag(tag(1)))
        .require(stream(3), ExpectedVersion::Exists)
        .unless(unless.clone(), Position::new(400));
    let failing = Append::to(stream(98), ExpectedVersion::NoStream).event(new());
    let failing = failing.unless(unless, Position::START).build().unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let append = |request: &AppendRequest| {
        append::inside(&connection, (id, path.as_deref()), Synchronous::Full, request)
    };
    append(&known).unwrap();
    assert!(append(&known).unwrap().replayed);
    append(&fresh.build().unwrap()).unwrap();
    append(&failing).unwrap_err();
    connection.execute_batch("COMMIT").unwrap();

    let moment = Timestamp::now();
    for read in [
        Read::stream(stream(3)),
        Read::all().recorded_since(moment).recorded_until(moment),
        Read::all().matching(Query::tagged(tag(2)).and_tagged(Tag::new("stream", 3).unwrap())),
    ] {
        Cursor::new(read).page(&connection, &mut Names::default()).unwrap();
    }
    super::super::head(&connection).unwrap();

    let asked: Vec<_> = asked.lock().unwrap().iter().cloned().collect();
    for sql in &asked {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let mut rows = statement.raw_query();
        let mut steps = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            steps.push(row.get::<_, String>(3).unwrap());
        }
        // The last row is at one end of the table; the identity is in a table of one row.
        let looks_at_one =
            sql.ends_with("ORDER BY position DESC LIMIT 1") || sql.ends_with("FROM es_log");
        if !looks_at_one {
            check(&steps, sql, "");
        }
    }
    let words = ["max(version)", "es_streams", "es_families", "WHERE id = ?1", "count(*)"];
    for word in words.into_iter().chain(["WHERE position = ?1", "max(position)"]) {
        assert!(asked.iter().any(|sql| sql.contains(word)), "nobody asked {word}: {asked:#?}");
    }
}
