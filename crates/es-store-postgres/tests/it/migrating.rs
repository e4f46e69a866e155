//! Tables that are made, altered, missing, too new, or beside others.

use es_core::{ErrorKind, ExpectedVersion, Store};
use es_store_postgres::{PostgresOptions, PostgresStore};

use crate::{
    checks::{self, to},
    server::{Schema, on_a_schema},
};

async fn refused(schema: &Schema, options: PostgresOptions) -> es_core::Error {
    PostgresStore::open_with(&schema.url, options).await.unwrap_err()
}

async fn run(schema: &Schema, sql: &str) {
    let sql = sql.replace("{es}", &format!("{}.es_", schema.name));
    schema.client().await.batch_execute(&sql).await.unwrap();
}

/// Everything that is in the schema, with the transaction that wrote each row of it.
async fn made(schema: &Schema) -> Vec<String> {
    let sql = format!(
        "SELECT relname || ' ' || oid || ' ' || xmin FROM pg_class \
         WHERE relnamespace = to_regnamespace('{0}') \
         UNION ALL SELECT proname || ' ' || oid || ' ' || xmin FROM pg_proc \
         WHERE pronamespace = to_regnamespace('{0}') ORDER BY 1",
        schema.name
    );
    let rows = schema.client().await.query(&sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[test]
fn ten_stores_that_open_at_once_agree() {
    on_a_schema(|schema| async move {
        let opening: Vec<_> = (0..10)
            .map(|_| {
                let (url, options) = (schema.url.clone(), schema.options());
                tokio::spawn(async move { PostgresStore::open_with(&url, options).await })
            })
            .collect();
        let mut logs = Vec::new();
        for store in opening {
            let store = Store::new(store.await.unwrap().unwrap());
            store.append(to("opened", 1)).await.unwrap();
            logs.push(store.head().await.unwrap().log);
        }
        logs.dedup();
        assert_eq!(logs.len(), 1, "one log");
        assert_eq!(checks::whole(&schema.store().await).await.len(), 10);
    });
}

#[test]
fn opening_again_changes_nothing() {
    on_a_schema(|schema| async move {
        let log = schema.store().await.head().await.unwrap().log;
        let before = made(&schema).await;
        assert!(!before.is_empty());
        PostgresStore::migrate(&schema.url, &schema.options()).await.unwrap();
        let options = schema.options().with_migrate(false);
        let store = Store::new(PostgresStore::open_with(&schema.url, options).await.unwrap());
        assert_eq!(store.head().await.unwrap().log, log);
        assert_eq!(schema.store().await.head().await.unwrap().log, log);
        assert_eq!(made(&schema).await, before);
    });
}

#[test]
fn without_its_tables_it_says_what_to_run_and_makes_nothing() {
    on_a_schema(|schema| async move {
        let error = refused(&schema, schema.options().with_migrate(false)).await;
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
        assert!(error.to_string().contains("migrate"), "{error}");
        let sql = "SELECT to_regnamespace($1) IS NULL";
        let row = schema.client().await.query_one(sql, &[&schema.name]).await.unwrap();
        assert!(row.get::<_, bool>(0), "the schema was not made");
    });
}

#[test]
fn altered_steps_are_refused() {
    on_a_schema(|schema| async move {
        let _store = schema.open().await;
        run(&schema, "UPDATE {es}migrations SET checksum = gen_random_uuid() WHERE version = 2")
            .await;
        for options in [schema.options(), schema.options().with_migrate(false)] {
            let error = refused(&schema, options).await;
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
            assert!(error.to_string().contains("step 2"), "{error}");
        }
    });
}

#[test]
fn tables_of_a_newer_release_are_refused() {
    on_a_schema(|schema| async move {
        let _store = schema.open().await;
        let sql = "INSERT INTO {es}migrations (version, name, checksum) \
                   VALUES (99, 'later', gen_random_uuid())";
        run(&schema, sql).await;
        let before = made(&schema).await;
        for options in [schema.options(), schema.options().with_migrate(false)] {
            let error = refused(&schema, options).await;
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
            assert!(error.to_string().contains("99"), "{error}");
        }
        assert_eq!(made(&schema).await, before);
    });
}

#[test]
fn logs_beside_each_other_do_not_mix() {
    on_a_schema(|schema| async move {
        let options = schema.options().with_prefix("other_").unwrap();
        let unnamed = schema.options().with_prefix("").unwrap();
        let elsewhere = Schema::new(schema.url.clone());
        let stores = [
            schema.store().await,
            Store::new(PostgresStore::open_with(&schema.url, options).await.unwrap()),
            Store::new(PostgresStore::open_with(&schema.url, unnamed).await.unwrap()),
            elsewhere.store().await,
        ];
        let append = |count| {
            let stream = checks::stream("same");
            es_core::Append::to(stream, ExpectedVersion::NoStream).events(checks::events(count))
        };
        for (store, count) in stores.iter().zip(1..) {
            let receipt = store.append(append(count)).await.unwrap();
            assert_eq!(receipt.first.get(), 1, "each begins at its own first position");
        }
        let mut logs = Vec::new();
        for (store, count) in stores.iter().zip(1..) {
            assert_eq!(checks::whole(store).await.len(), count);
            logs.push(store.head().await.unwrap().log);
        }
        logs.sort_by_key(|log| log.as_uuid());
        logs.dedup();
        assert_eq!(logs.len(), stores.len(), "each is a log of its own");
    });
}

#[test]
fn a_read_only_connection_reads_and_refuses_appends() {
    on_a_schema(|schema| async move {
        let receipt = schema.store().await.append(to("written", 3)).await.unwrap();
        let url = format!("{}?options=-c%20default_transaction_read_only%3Don", schema.url);
        let store = Store::new(PostgresStore::open_with(&url, schema.options()).await.unwrap());
        assert_eq!(checks::whole(&store).await.len(), 3);
        for append in [to("written", 1), to("written", 2), to("new", 1)] {
            let error = store.append(append).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
        }
        assert_eq!(store.head().await.unwrap().position, receipt.last);
    });
}
