//! A log in partitions keeps what is unique in the whole log, whoever writes, and has room in
//! time, whoever else works on its tables.

use std::time::Duration;

use es_core::{Append, ErrorKind, ExpectedVersion, Position, Read, Store};
use es_store_postgres::{
    PostgresStore,
    tokio_postgres::{Client, error::DbError},
};

use crate::{
    checks::{self, events, stream, to},
    server::{Schema, on_a_schema, on_partitions},
};

/// A log of ten events in partitions of four, and a connection of its owner.
async fn filled(schema: &Schema) -> (Store, Client) {
    let store = schema.store().await;
    for (key, count) in [("a", 3), ("b", 6), ("a", 1)] {
        store.append(to(key, count)).await.unwrap();
    }
    (store, schema.client().await)
}

/// Writes a copy of the first event behind the last one, with `id` and `version` as SQL gives
/// them, into the events or one of their partitions.
async fn go_round(
    client: &Client,
    schema: &Schema,
    table: &str,
    (id, version): (&str, &str),
) -> Result<(), DbError> {
    let sql = format!(
        "INSERT INTO {0}.{table} (position, stream, version, recorded_at, id, family, \
         schema_version, part, parts, key, payload) \
         SELECT (SELECT max(position) + 1 FROM {0}.es_events), stream, {version}, recorded_at, \
         {id}, family, 1, 0, 1, key, payload FROM {0}.es_events WHERE position = 1",
        schema.name
    );
    client.batch_execute(&sql).await.map_err(|error| error.as_db_error().unwrap().clone())
}

/// The two that a unique index of a partition would let pass: an id and a version that are in
/// another partition.
const TWICE: [(&str, &str, &str); 2] =
    [("es_events_id", "id", "100"), ("es_keys_version", "gen_random_uuid()", "version")];

#[test]
fn whoever_goes_round_the_functions_meets_the_keys() {
    on_partitions(4, |schema| async move {
        let (store, client) = filled(&schema).await;
        for table in ["es_events", "es_events_3"] {
            for (constraint, id, version) in TWICE {
                let refused = go_round(&client, &schema, table, (id, version)).await.unwrap_err();
                assert_eq!(refused.constraint(), Some(constraint), "{table}: {refused}");
            }
        }
        // What breaks nothing is taken, and the store goes on behind it.
        go_round(&client, &schema, "es_events", ("gen_random_uuid()", "5")).await.unwrap();
        let next =
            Append::to(stream("a"), ExpectedVersion::Exact(es_core::Version::new(5).unwrap()))
                .events(events(1));
        assert_eq!(store.append(next).await.unwrap().last, Position::new(12));
        assert_eq!(checks::whole(&store).await.len(), 12);
    });
}

/// The mutant: with the guard gone, the same rows are taken, and the check of the log finds it.
#[test]
fn without_the_keys_an_id_comes_twice() {
    on_partitions(4, |schema| async move {
        let (store, client) = filled(&schema).await;
        let sql = format!("DROP TRIGGER es_keys ON {}.es_events", schema.name);
        client.batch_execute(&sql).await.unwrap();
        go_round(&client, &schema, "es_events", ("id", "5")).await.unwrap();
        let sql = format!("SELECT count(*) - count(DISTINCT id) FROM {}.es_events", schema.name);
        let twice: i64 = client.query_one(&sql, &[]).await.unwrap().get(0);
        assert_eq!(twice, 1, "the partitions let it pass");
        drop(store);
    });
}

#[test]
fn a_role_with_the_rights_of_a_writer_appends_and_makes_room() {
    on_partitions(4, |schema| async move {
        let owner = schema.store().await;
        let client = schema.client().await;
        let (role, name) = (format!("{}_app", schema.name), &schema.name);
        let sql = format!(
            "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {name} TO {role}; \
             GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO {role}; \
             GRANT INSERT ON {name}.es_events, {name}.es_families, {name}.es_tags TO {role}; \
             GRANT UPDATE ON {name}.es_append_lock TO {role}"
        );
        client.batch_execute(&sql).await.unwrap();
        let mark = if schema.url.contains('?') { '&' } else { '?' };
        let url = format!("{}{mark}options=-c%20role%3D{role}", schema.url);
        let options = schema.options().with_migrate(false);
        let store = Store::new(PostgresStore::open_with(&url, options).await.unwrap());
        store.append(to("many", 40)).await.unwrap();
        for _ in 0..20 {
            store.append(to("one", 1)).await.unwrap();
        }
        assert_eq!(checks::whole(&store).await.len(), 60);
        assert_eq!(checks::whole(&owner).await.len(), 60);
        drop((store, owner));
        let sql = format!("DROP OWNED BY {role}; DROP ROLE {role}");
        client.batch_execute(&sql).await.unwrap();
    });
}

/// What `ANALYZE` of the whole table does, for longer.
async fn busy(client: &Client, schema: &Schema) {
    let sql = format!("BEGIN; LOCK TABLE {}.es_events IN SHARE UPDATE EXCLUSIVE MODE", schema.name);
    client.batch_execute(&sql).await.unwrap();
}

#[test]
fn work_on_the_table_delays_only_what_has_no_partition() {
    on_partitions(50, |schema| async move {
        let store = schema.store().await;
        store.append(to("a", 1)).await.unwrap();
        let through = Position::new(100);
        PostgresStore::make_partitions(&schema.url, &schema.options(), through).await.unwrap();
        let client = schema.client().await;
        busy(&client, &schema).await;
        for _ in 0..99 {
            store.append(to("a", 1)).await.unwrap();
        }
        let late = to("a", 100).deadline(Duration::from_millis(300));
        let error = store.append(late).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy, "{error:?}");
        assert_eq!(store.read(Read::all()).into_vec().await.unwrap().len(), 100);

        let behind = store.clone();
        let waiting = tokio::spawn(async move { behind.append(to("a", 100)).await });
        checks::blocked(&schema.client().await, &schema.name).await;
        client.batch_execute("COMMIT").await.unwrap();
        assert_eq!(waiting.await.unwrap().unwrap().last, Position::new(200));
        assert_eq!(checks::whole(&store).await.len(), 200);
    });
}

#[test]
fn partitions_stay_as_they_were_chosen() {
    on_a_schema(|schema| async move {
        let plain = schema.store().await;
        let of = |positions| schema.options().with_partitions(positions).unwrap();
        let refused = |options| PostgresStore::open_with(&schema.url, options);
        let error = refused(of(1_000)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
        assert!(error.to_string().contains("no partitions"), "{error}");
        let error = PostgresStore::migrate(&schema.url, &of(1_000)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
        let options = schema.options();
        let error = PostgresStore::make_partitions(&schema.url, &options, Position::new(9)).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Unsupported);
        plain.append(to("a", 1)).await.unwrap();

        let beside = of(1_000).with_prefix("parts_").unwrap();
        let opening = (0..6).map(|_| {
            let (url, options) = (schema.url.clone(), beside.clone());
            tokio::spawn(async move { PostgresStore::open_with(&url, options).await })
        });
        for (number, store) in opening.collect::<Vec<_>>().into_iter().enumerate() {
            let store = Store::new(store.await.unwrap().unwrap());
            let receipt = store.append(to("a", 1)).await.unwrap();
            assert_eq!(receipt.last.get(), number as u64 + 1);
        }
        let error = refused(of(2_000).with_prefix("parts_").unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
        assert!(error.to_string().contains("1000"), "{error}");
        // Whoever does not say uses what is there.
        let silent = schema.options().with_prefix("parts_").unwrap();
        let store = Store::new(refused(silent.clone()).await.unwrap());
        assert_eq!(checks::whole(&store).await.len(), 6);
        let made = PostgresStore::make_partitions(&schema.url, &silent, Position::new(4_500));
        assert_eq!(made.await.unwrap(), Position::new(5_000));
        assert_eq!(schema.options().with_partitions(1).unwrap_err().kind(), ErrorKind::Invalid);
    });
}

#[test]
fn a_log_without_one_of_its_partitions_is_refused() {
    on_partitions(4, |schema| async move {
        let (store, client) = filled(&schema).await;
        drop(store);
        let name = &schema.name;
        let sql = format!("ALTER TABLE {name}.es_events DETACH PARTITION {name}.es_events_1");
        client.batch_execute(&sql).await.unwrap();
        let error = PostgresStore::open_with(&schema.url, schema.options()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
        assert!(error.to_string().contains("not attached"), "{error}");
        let sql = format!(
            "ALTER TABLE {name}.es_events ATTACH PARTITION {name}.es_events_1 \
             FOR VALUES FROM (1) TO (5)"
        );
        client.batch_execute(&sql).await.unwrap();
        assert_eq!(checks::whole(&schema.store().await).await.len(), 10);
    });
}
