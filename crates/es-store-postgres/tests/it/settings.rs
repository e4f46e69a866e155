//! Numbers that are too large, and settings of the server that say something else than expected.

use std::time::Duration;

use es_core::{ErrorKind, Store};
use es_store_postgres::{PostgresOptions, PostgresStore};

use crate::{
    checks::{self, to},
    own_server::OwnServer,
    server::{Schema, connect, on_a_schema, url},
};

#[test]
fn numbers_that_are_too_large_are_refused_and_the_largest_are_taken() {
    let options = PostgresOptions::new;
    for refused in [
        options().with_queue(usize::MAX),
        options().with_connections(usize::MAX),
        options().with_connections(262_144),
        options().with_partitions((1 << 56) + 1),
        options().with_partitions(u64::MAX),
    ] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    }
    on_a_schema(|schema| async move {
        let options = schema.options().with_queue(usize::MAX >> 3).unwrap();
        let options = options.with_connections(262_143).unwrap();
        let options = options.with_partitions(1 << 56).unwrap();
        let store = PostgresStore::open_with(&schema.url, options).await.unwrap();
        Store::new(store).append(to("a", 1)).await.unwrap();
    });
}

/// Each statement of an append has to see what those before it have committed.
#[test]
fn sessions_that_isolate_more_by_default_make_no_difference() {
    on_a_schema(|schema| async move {
        let mark = if schema.url.contains('?') { '&' } else { '?' };
        let mut tasks = Vec::new();
        for (number, level) in ["repeatable%5C%20read", "serializable"].iter().enumerate() {
            let options = format!("options=-c%20default_transaction_isolation%3D{level}");
            let url = format!("{}{mark}{options}", schema.url);
            // They make the tables, too, at the same time.
            let opened = (0..3).map(|_| PostgresStore::open_with(&url, schema.options()));
            let opened = futures_util::future::join_all(opened).await;
            for (other, own) in opened.into_iter().enumerate() {
                let store = Store::new(own.unwrap());
                for task in 0..2 {
                    let (store, key) = (store.clone(), format!("s-{number}-{other}-{task}"));
                    tasks.push(tokio::spawn(async move {
                        for _ in 0..20 {
                            store.append(to(&key, 1)).await.unwrap();
                        }
                    }));
                }
            }
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(checks::whole(&schema.store().await).await.len(), 240);
    });
}

/// The same where no append does without the lock.
#[test]
fn nor_do_they_with_partitions() {
    es_testkit::run(
        async { es_testkit::Fixture::new(Schema::in_partitions(url(), 1_000), ()) },
        |schema| async move {
            let mark = if schema.url.contains('?') { '&' } else { '?' };
            let options = "options=-c%20default_transaction_isolation%3Dserializable";
            let url = format!("{}{mark}{options}", schema.url);
            let mut tasks = Vec::new();
            for number in 0..3 {
                let own = PostgresStore::open_with(&url, schema.options()).await.unwrap();
                tasks.push(tokio::spawn(async move {
                    let store = Store::new(own);
                    for _ in 0..30 {
                        store.append(to(&format!("s-{number}"), 1)).await.unwrap();
                    }
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(checks::whole(&schema.store().await).await.len(), 90);
        },
    );
}

#[test]
fn what_may_be_lost_follows_the_delay_of_the_server() {
    es_testkit::run(
        async { es_testkit::Fixture::new(OwnServer::start(), ()) },
        |server| async move {
            let admin = connect(&server.url).await;
            let window = async || {
                let url = format!("{}?options=-c%20synchronous_commit%3Doff", server.url);
                let store = Store::new(PostgresStore::open(&url).await.unwrap());
                store.durability().await.unwrap().loss_window
            };
            assert_eq!(window().await, Some(Duration::from_millis(600)));
            for sql in ["ALTER SYSTEM SET wal_writer_delay = '10s'", "SELECT pg_reload_conf()"] {
                admin.batch_execute(sql).await.unwrap();
            }
            let delay = "SHOW wal_writer_delay";
            while admin.query_one(delay, &[]).await.unwrap().get::<_, &str>(0) != "10s" {
                tokio::task::yield_now().await;
            }
            assert_eq!(window().await, Some(Duration::from_secs(30)));
        },
    );
}
