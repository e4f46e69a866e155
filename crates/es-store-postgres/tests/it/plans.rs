//! Reads find what they want by an index, however large the table is.
//!
//! The server counts the rows that it touches. A read that went through the table would
//! touch all of them.

use std::sync::Arc;

use es_core::{
    Append, Category, EventType, ExpectedVersion, NewEvent, Payload, Position, Read, Schema, Store,
    StreamId, Tag, Tenant, Timestamp,
};
use es_store_postgres::{PostgresStore, tokio_postgres::Client};

use crate::server::{Schema as Own, on_a_schema};

const EVENTS: u64 = 20_000;
/// So often each read is done: the server plans the first few anew, and then for all values.
const TIMES: u64 = 8;

#[test]
fn no_read_touches_what_it_does_not_want() {
    on_a_schema(|schema| async move {
        let client = schema.client().await;
        let store = open(&schema, "fill").await;
        let rare = fill(&store).await;
        let (head, moment) = (store.head().await.unwrap().position, last_moment(&store).await);
        drop(store);
        let before = touched(&client, &schema, "fill").await;

        let store = open(&schema, "read").await;
        let mut wanted = 0;
        for _ in 0..TIMES {
            for read in reads(&rare, head, moment) {
                let found = store.read(read.clone()).into_vec().await.unwrap();
                assert!(!found.is_empty(), "{read:?}");
                wanted += found.len();
            }
        }
        drop(store);
        let rows = touched(&client, &schema, "read").await - before;
        // Looking for a place by time halves the log; everything else is a few rows.
        let most = i64::try_from(wanted).unwrap() * 4 + 2_000;
        assert!(rows < most, "{rows} rows were touched to read {wanted} events");
    });
}

async fn open(schema: &Own, name: &str) -> Store {
    let mark = if schema.url.contains('?') { '&' } else { '?' };
    let url = format!("{}{mark}application_name={}_{name}", schema.url, schema.name);
    Store::new(PostgresStore::open_with(&url, schema.options()).await.unwrap())
}

/// Every kind of read of something rare, and of the end of the log.
fn reads(rare: &StreamId, head: Position, moment: Timestamp) -> Vec<Read> {
    let kind = || [EventType::from_static("rare.kind")];
    let tag = Tag::new("rare", "tag").unwrap();
    let near_the_end = Position::new(head.get() - 5);
    let forward = [
        Read::stream(rare.clone()),
        Read::all().of_types(kind()),
        Read::category(Category::from_static("rare")),
        Read::all().tagged(tag.clone()),
        Read::all().tagged(tag).of_types(kind()),
        Read::all().tenant(Tenant::from_static("rare")),
        Read::all().all_tenants().after(near_the_end),
        Read::all().recorded_since(moment),
        Read::category(Category::from_static("much")).after(near_the_end).limit(3),
        Read::all().limit(5),
    ];
    let backward = forward.clone().map(Read::backward);
    forward.into_iter().chain(backward).collect()
}

/// Much of four kinds, and a little that is rare in between and near the end.
async fn fill(store: &Store) -> StreamId {
    let rare = StreamId::new("rare", "one").unwrap();
    for batch in 0..EVENTS / 1_000 {
        let stream = StreamId::new("much", batch).unwrap();
        let names = ["much.a", "much.b", "much.c", "much.d"];
        let events = (0..1_000).map(|number: usize| event(names[number % names.len()]));
        let append = Append::to(stream, ExpectedVersion::NoStream).events(events);
        store.append(append).await.unwrap();
        if batch % 5 == 2 {
            let tag = Tag::new("rare", "tag").unwrap();
            let append = Append::to(rare.clone(), ExpectedVersion::Any);
            store.append(append.event(event("rare.kind").with_tag(tag))).await.unwrap();
            let of_tenant = store.for_tenant(Tenant::from_static("rare"));
            let append = Append::to(StreamId::new("much", "own").unwrap(), ExpectedVersion::Any);
            of_tenant.append(append.event(event("much.a"))).await.unwrap();
        }
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

async fn last_moment(store: &Store) -> Timestamp {
    let mut last = store.read(Read::all().backward().limit(1));
    last.next().await.unwrap().unwrap().recorded_at
}

/// Rows of the events that were touched, once all connections of `name` have ended: then
/// their counts are in.
async fn touched(client: &Client, schema: &Arc<Own>, name: &str) -> i64 {
    let name = format!("{}_{name}", schema.name);
    let open = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
    while client.query_one(open, &[&name]).await.unwrap().get::<_, i64>(0) > 0 {
        tokio::task::yield_now().await;
    }
    let rows = "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables \
                WHERE schemaname = $1 AND relname = 'es_events'";
    client.query_one(rows, &[&schema.name]).await.unwrap().get(0)
}
