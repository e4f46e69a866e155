//! Connections of a pool, and in which state they come back to it.

use std::{collections::BTreeSet, time::Duration};

use es_core::{
    Append, CheckpointStore, ErrorKind, EventStore, ExpectedVersion, LogId, NewEvent, Owner,
    Payload, Position, Progress, Read, Schema, Store, SubscriberName, Tag,
};
use es_store_postgres::{
    PostgresReadModel, PostgresStore,
    deadpool_postgres::{Manager, Pool},
    tokio_postgres::{Config, NoTls, SimpleQueryMessage},
};
use es_testkit::servers::{Cut, Proxy};
use fastrand::Rng;
use futures_util::StreamExt;

use crate::{
    checks::{event, stream, to},
    server::on_a_schema,
};

/// The server of a URL, and the URL that leads to it by another address.
async fn proxied(url: &str) -> (Proxy, String) {
    let (user, rest) = url.split_once('@').unwrap();
    let (server, database) = rest.split_once('/').unwrap();
    let server = tokio::net::lookup_host(server).await.unwrap().next().unwrap();
    let proxy = Proxy::start(server).await;
    let url = format!("{user}@{}/{database}", proxy.address());
    (proxy, url)
}

#[test]
fn a_store_that_is_given_up_leaves_no_trace_on_the_connections_of_its_caller() {
    on_a_schema(|schema| async move {
        drop(schema.open().await);
        let (proxy, url) = proxied(&schema.url).await;
        let config: Config = url.parse().unwrap();
        let pool = Pool::builder(Manager::new(config, NoTls)).max_size(3).build().unwrap();
        let mut rng = Rng::with_seed(1);
        for _ in 0..60 {
            proxy.delay_replies(Duration::from_millis(4));
            let work = async {
                let store = PostgresStore::with_pool(pool.clone(), schema.options()).await.unwrap();
                store.append(to("a", 1).build().unwrap()).await.unwrap();
            };
            let patience = Duration::from_millis(rng.u64(1..90));
            drop(tokio::time::timeout(patience, work).await);
            proxy.delay_replies(Duration::ZERO);
            let mut held = Vec::new();
            for _ in 0..3 {
                let client = pool.get().await.unwrap();
                let state = "SELECT now() = statement_timestamp(), \
                             current_setting('enable_seqscan'), \
                             current_setting('default_transaction_isolation')";
                let said = client.simple_query(state).await.unwrap();
                let row = said.iter().find_map(|message| match message {
                    SimpleQueryMessage::Row(row) => Some(row),
                    _ => None,
                });
                let row = row.unwrap();
                assert_eq!(row.get(0), Some("t"), "it is within a transaction");
                assert_eq!(row.get(1), Some("on"), "it is set up for appends");
                assert_eq!(row.get(2), Some("read committed"));
                held.push(client);
            }
        }
    });
}

#[test]
fn a_checkpoint_that_moved_without_a_reply_is_of_unknown_outcome() {
    on_a_schema(|schema| async move {
        let (proxy, url) = proxied(&schema.url).await;
        let model = PostgresReadModel::open_with(&url, schema.options()).await.unwrap();
        let name = SubscriberName::new("one").unwrap();
        let checkpoint = model.claim(&name, LogId::generate(), &Owner::new("me")).await.unwrap();
        let progress = Progress::from(&checkpoint, Position::new(9));
        proxy.cut_next(Cut::Swallow);
        let error = model.advance(&progress).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        let moved = model.checkpoint(&name).await.unwrap().unwrap();
        assert_eq!(moved.position, Position::new(9));
        model.advance(&progress).await.unwrap();
    });
}

/// Who looks for the last event of a kind gets one, and keeps the connection.
#[test]
fn reads_that_stop_early_keep_their_connection() {
    on_a_schema(|schema| async move {
        let mark = if schema.url.contains('?') { '&' } else { '?' };
        let url = format!("{}{mark}application_name={}", schema.url, schema.name);
        let store = PostgresStore::open_with(&url, schema.options()).await.unwrap();
        let store = Store::new(store);
        let tag = Tag::new("kind", "rare").unwrap();
        let events: Vec<_> = (0..300).map(|_| event().with_tag(tag.clone())).collect();
        let append = Append::to(stream("a"), ExpectedVersion::Any).events(events);
        store.append(append).await.unwrap();
        let admin = schema.client().await;
        let pids = async || -> BTreeSet<i32> {
            let sql = "SELECT pid FROM pg_stat_activity WHERE application_name = $1";
            let rows = admin.query(sql, &[&schema.name]).await.unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        };
        let by_type = es_core::EventType::from_static("noted");
        for read in [
            Read::all().tagged(tag).backward().limit(1),
            Read::stream(stream("a")).of_types([by_type]).limit(1),
        ] {
            for whole in [Read::stream(stream("a")), Read::all()] {
                assert_eq!(store.read(whole).into_vec().await.unwrap().len(), 300);
            }
            let before = pids().await;
            for _ in 0..10 {
                assert_eq!(store.read(read.clone()).into_vec().await.unwrap().len(), 1);
            }
            // Others may have been made besides.
            assert!(before.is_subset(&pids().await), "{read:?} closes its connection");
        }
    });
}

/// What a handle has not met yet has names that it has to ask for.
#[test]
fn the_first_page_of_a_fresh_handle_is_no_larger_than_others() {
    on_a_schema(|schema| async move {
        let large = || {
            let payload = Payload::json("x".repeat((1 << 20) - 2).as_str()).unwrap();
            NewEvent::raw(Schema::from_static("large", 1), payload)
        };
        let store = schema.store().await;
        for _ in 0..5 {
            let append = Append::to(stream("a"), ExpectedVersion::Any);
            store.append(append.events([large(), large(), large(), large()])).await.unwrap();
        }
        for read in [Read::stream(stream("a")), Read::stream(stream("a")).backward()] {
            let own = schema.open().await;
            for _ in 0..2 {
                let mut pages = EventStore::read(&own, read.clone());
                let mut count = 0;
                while let Some(page) = pages.next().await {
                    let page = page.unwrap();
                    assert!(page.len() <= 4, "a page of {} MiB", page.len());
                    count += page.len();
                }
                assert_eq!(count, 20);
            }
        }
    });
}
