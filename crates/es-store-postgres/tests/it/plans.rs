//! Reads find what they want by an index, however large the table is.
//!
//! Twice over: the server counts the rows that it touches, and a read that went through the
//! table would touch all of them; and it explains how it would do the statements that the
//! store has sent.

mod wire;

use std::{net::ToSocketAddrs, sync::Arc};

use es_core::{
    Append, Category, EventId, EventType, ExpectedVersion, NewEvent, Payload, Position, Read,
    Schema, Store, StreamId, Tag, Tenant, Timestamp,
};
use es_store_postgres::{PostgresStore, tokio_postgres::Client};

use self::wire::Wire;
use crate::{
    server::{Schema as Own, on_a_schema, on_partitions},
    tenants::Role,
};

/// Events that nobody asks for: by default so many that a read of them all would show.
const EVENTS: u64 = 100_000;
/// In so many parts, with something rare between them.
const PARTS: u64 = 4;
/// In so many partitions, where there are some.
const PARTITIONS: u64 = 10;
/// So often each read is done: the server plans the first few anew, and then for all values.
const TIMES: u64 = 8;

#[test]
fn no_read_touches_what_it_does_not_want() {
    on_a_schema(|schema| touches_little(schema, false, false));
}

#[test]
fn no_read_touches_what_it_does_not_want_in_partitions() {
    on_partitions(events() / PARTITIONS, |schema| touches_little(schema, true, false));
}

#[test]
fn no_read_of_one_tenants_role_touches_what_it_does_not_want() {
    on_a_schema(|schema| touches_little(schema, false, true));
}

fn events() -> u64 {
    std::env::var("ES_TEST_EVENTS").ok().map_or(EVENTS, |number| number.parse().unwrap())
}

async fn touches_little(schema: Arc<Own>, is_partitioned: bool, is_separated: bool) {
    let events = events();
    let client = schema.client().await;
    let store = open(&schema, "fill").await;
    if is_partitioned {
        let through = Position::new(events + 1_000);
        PostgresStore::make_partitions(&schema.url, &schema.options(), through).await.unwrap();
    }
    let rare = fill(&store, &client, &schema, events).await;
    let head = store.head().await.unwrap().position;
    assert!(head.get() > events, "{head} events");
    let (id, moment) = last(&store).await;
    drop(store);

    let role = if is_separated {
        Some(Role::of(Arc::clone(&schema), "reader", &["", "rare"]).await)
    } else {
        None
    };
    let role = role.as_ref().map(|role| role.name.as_str());

    // As it was filled, without statistics, and as it is once the server has looked.
    for name in ["fresh", "analysed"] {
        let before = touched(&client, &schema, "fill").await;
        let mut wanted = 0;
        for (number, (index, read)) in reads(&rare, id, head, moment).into_iter().enumerate() {
            let (store, wire) = open_as(&schema, &format!("{name}{number}"), role).await;
            for _ in 0..TIMES {
                let found = store.read(read.clone()).into_vec().await.unwrap();
                assert!(!found.is_empty(), "{read:?}");
                wanted += found.len();
            }
            if let Some(index) = index {
                let sql = wire.last("SELECT e.position, e.version, e.family");
                explain(&client, sql, index, &read, is_partitioned.then_some(head)).await;
            }
            drop(store);
            ended(&client, &schema, &format!("{name}{number}")).await;
        }
        // Where the order is not that of the positions, each partition shows its first row.
        let in_others =
            if is_partitioned { i64::try_from(26 * TIMES * PARTITIONS).unwrap() } else { 0 };
        let rows = touched(&client, &schema, "fill").await - before;
        // Looking for a place by time halves the log; everything else is a few rows.
        let most = i64::try_from(wanted).unwrap() * 4 + 2_000 + in_others;
        assert!(rows < most, "{rows} rows were touched to read {wanted} events");
        client.batch_execute(&format!("ANALYZE {}.es_events", schema.name)).await.unwrap();
    }
}

/// Has the server explain a statement as it does it for whatever values.
async fn explain(
    client: &Client,
    sql: String,
    index: &'static str,
    read: &Read,
    in_partitions: Option<Position>,
) {
    let places = (1..).take_while(|place| sql.contains(&format!("${place}"))).count();
    let mut values = vec!["NULL".to_owned(); places];
    if let Some(head) = in_partitions {
        // Of one partition alone, a full one: whatever is asked, the others must be left out.
        values[0] = (head.get() / 2).to_string();
        values[1] = (head.get() / 2 + 2).to_string();
    }
    let values = values.join(", ");
    client.batch_execute(&format!("PREPARE of_the_store AS {sql}")).await.unwrap();
    client.batch_execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
    let explained = client.query(&format!("EXPLAIN EXECUTE of_the_store ({values})"), &[]).await;
    let plan: Vec<String> = explained.unwrap().iter().map(|row| row.get(0)).collect();
    let plan = plan.join("\n");
    client.batch_execute("DEALLOCATE of_the_store").await.unwrap();
    let index = if in_partitions.is_some() { of_a_partition(index) } else { index };
    assert!(plan.contains(index), "not by {index}: {read:?}\n{plan}");
    if in_partitions.is_some() && !index.starts_with("es_tags") {
        let is_pruned =
            plan.contains("Subplans Removed") || plan.matches(" on es_events_").count() == 1;
        assert!(is_pruned, "it looks in other partitions: {read:?}\n{plan}");
    }
    // The partitions behind these are nearly empty.
    let full = (1..=PARTITIONS).map(|number| format!("es_events_{number} "));
    for table in ["es_events ".to_owned(), "es_tags ".to_owned()].into_iter().chain(full) {
        assert!(!plan.contains(&format!("Seq Scan on {table}")), "{read:?}\n{plan}");
    }
}

/// What the server calls the index of a partition.
fn of_a_partition(index: &'static str) -> &'static str {
    match index {
        "es_events_position" | "es_events_id" => "_pkey",
        "es_events_version" => "_stream_version_idx",
        "es_events_family" => "_family_position_idx",
        other => other,
    }
}

async fn open(schema: &Own, name: &str) -> Store {
    opened(schema, &schema.url, name, None).await
}

/// A store whose connections are called `name`, and what they send.
async fn open_as(schema: &Own, name: &str, role: Option<&str>) -> (Store, Wire) {
    let (user, rest) = schema.url.split_once('@').unwrap();
    let (server, rest) = rest.split_once('/').unwrap();
    let wire = Wire::to(server.to_socket_addrs().unwrap().next().unwrap()).await;
    let url = format!("{user}@{}/{rest}", wire.address);
    (opened(schema, &url, name, role).await, wire)
}

async fn opened(schema: &Own, url: &str, name: &str, role: Option<&str>) -> Store {
    let role = role.map_or(String::new(), |role| format!("&options=-c%20role%3D{role}"));
    let mark = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{mark}application_name={}_{name}{role}", schema.name);
    Store::new(PostgresStore::open_with(&url, schema.options()).await.unwrap())
}

/// Every kind of read of something rare, and of the end of the log, with the index that has
/// to serve it. Statements over many lists are longer than what the server shows of them, so
/// for those the count of rows has to do.
fn reads(
    rare: &StreamId,
    id: EventId,
    head: Position,
    moment: Timestamp,
) -> Vec<(Option<&'static str>, Read)> {
    let kind = || [EventType::from_static("rare.kind")];
    let tag = Tag::new("rare", "tag").unwrap();
    let near_the_end = Position::new(head.get() - 5);
    let [position, version, family, tags] =
        ["es_events_position", "es_events_version", "es_events_family", "es_tags_tag"].map(Some);
    let much = ["much.a", "much.b"].map(EventType::from_static);
    let forward = [
        (Some("es_events_id"), Read::event(id)),
        (version, Read::stream(rare.clone())),
        (version, Read::stream(StreamId::new("much", 3).unwrap()).after(near_the_start())),
        (family, Read::all().of_types(kind())),
        (family, Read::category(Category::from_static("rare"))),
        (tags, Read::all().tagged(tag.clone())),
        (tags, Read::all().tagged(tag).of_types(kind())),
        (family, Read::all().tenant(Tenant::from_static("rare"))),
        (position, Read::all().all_tenants().after(near_the_end)),
        (position, Read::all().all_tenants().recorded_since(moment)),
        (family, Read::all().of_types(much).after(near_the_end).limit(3)),
        (None, Read::category(Category::from_static("much")).after(near_the_end).limit(3)),
        (None, Read::all().limit(5)),
    ];
    let backward = forward.clone().map(|(index, read)| (index, read.backward()));
    forward.into_iter().chain(backward).collect()
}

fn near_the_start() -> Position {
    Position::new(10)
}

/// Much of four kinds, and a little that is rare in between and near the end. What is much
/// goes in by the thousand, past the store.
async fn fill(store: &Store, client: &Client, schema: &Own, events: u64) -> StreamId {
    let rare = StreamId::new("rare", "one").unwrap();
    let names = ["much.a", "much.b", "much.c", "much.d"];
    let seed = StreamId::new("much", "seed").unwrap();
    let append = Append::to(seed, ExpectedVersion::NoStream).events(names.map(event));
    store.append(append).await.unwrap();
    for part in 0..PARTS {
        let many = include_str!("plans/fill.sql").replace("{es}", &format!("{}.es_", schema.name));
        let (count, first) = (i64::try_from(events / PARTS).unwrap(), part * (events / PARTS));
        client.execute(&many, &[&count, &i64::try_from(first).unwrap()]).await.unwrap();
        let tag = Tag::new("rare", "tag").unwrap();
        let append = Append::to(rare.clone(), ExpectedVersion::Any);
        store.append(append.event(event("rare.kind").with_tag(tag))).await.unwrap();
        let of_tenant = store.for_tenant(Tenant::from_static("rare"));
        let append = Append::to(StreamId::new("much", "own").unwrap(), ExpectedVersion::Any);
        of_tenant.append(append.event(event("much.a"))).await.unwrap();
    }
    for _ in 0..5 {
        let append = Append::to(StreamId::new("much", "end").unwrap(), ExpectedVersion::Any);
        store.append(append.event(event("much.a"))).await.unwrap();
    }
    rare
}

fn event(name: &'static str) -> NewEvent {
    NewEvent::raw(Schema::from_static(name, 1), Payload::json(&1).unwrap())
}

async fn last(store: &Store) -> (EventId, Timestamp) {
    let mut last = store.read(Read::all().backward().limit(1));
    let last = last.next().await.unwrap().unwrap();
    (last.id, last.recorded_at)
}

/// Waits until all connections of `name` have ended: then their counts are in.
async fn ended(client: &Client, schema: &Own, name: &str) {
    let name = format!("{}_{name}", schema.name);
    let open = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
    while client.query_one(open, &[&name]).await.unwrap().get::<_, i64>(0) > 0 {
        tokio::task::yield_now().await;
    }
}

/// Rows of the events that were touched, by all but the connections that are open.
async fn touched(client: &Client, schema: &Arc<Own>, name: &str) -> i64 {
    ended(client, schema, name).await;
    let rows = "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint \
                FROM pg_stat_user_tables WHERE schemaname = $1 \
                AND (relname = 'es_keys' OR relname LIKE 'es\\_events%')";
    client.query_one(rows, &[&schema.name]).await.unwrap().get(0)
}
