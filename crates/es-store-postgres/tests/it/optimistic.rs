//! Appends without the lock: that they are made, that they wait for whoever has it, and that being
//! wrong about the end of the log harms nobody.

use std::{sync::Arc, time::Duration};

use es_core::{Append, ErrorKind, ExpectedVersion, Read, Store, Tag, Version};
use es_store_postgres::{PostgresStore, tokio_postgres::Client};
use tokio::task::JoinHandle;

use crate::{
    checks::{self, event, events, stream, to},
    server::{Schema, on_a_schema},
};

/// Far longer than an append takes that is not held up.
const HELD_UP: Duration = Duration::from_secs(20);

async fn warmed(schema: &Schema) -> (PostgresStore, Store) {
    let own = schema.open().await;
    let store = Store::new(own.clone());
    for _ in 0..20 {
        store.append(to("warm", 1)).await.unwrap();
    }
    (own, store)
}

/// Keeps everybody from the lock, and nobody who does without it.
async fn take_the_lock_away(client: &Client, schema: &Schema) {
    let lock = format!("BEGIN; LOCK TABLE {}.es_append_lock IN ROW EXCLUSIVE MODE", schema.name);
    client.batch_execute(&lock).await.unwrap();
}

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(HELD_UP, what).await.expect("it waits for the lock")
}

#[test]
fn a_lone_writer_needs_no_lock() {
    on_a_schema(|schema| async move {
        let (_, store) = warmed(&schema).await;
        store.append(to("tagged", 1)).await.unwrap();
        let client = schema.client().await;
        take_the_lock_away(&client, &schema).await;

        let tagged = || event().with_tag(Tag::new("kind", "rare").unwrap());
        let first = in_time(store.append(to("warm", 1))).await.unwrap();
        let with_tags = Append::to(stream("tagged"), ExpectedVersion::Exact(Version::FIRST));
        in_time(store.append(with_tags.event(tagged()))).await.unwrap();
        in_time(store.append(to("new", 3))).await.unwrap();
        let two = Append::to(stream("one"), ExpectedVersion::NoStream)
            .events(events(2))
            .and(stream("new"), ExpectedVersion::Exists)
            .event(tagged());
        let last = in_time(store.append(two)).await.unwrap();
        assert_eq!(last.last.get(), first.last.get() + 7);

        let many: Vec<_> = (0..40)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move {
                    let receipt = store.append(to(&format!("many-{}", number % 7), 1)).await;
                    receipt.unwrap()
                })
            })
            .collect();
        for append in many {
            in_time(append).await.unwrap();
        }
        client.batch_execute("COMMIT").await.unwrap();
        checks::whole(&store).await;
        let found = store.read(Read::all().tagged(Tag::new("kind", "rare").unwrap()));
        assert_eq!(found.into_vec().await.unwrap().len(), 2);
    });
}

#[test]
fn what_is_expected_holds_without_the_lock() {
    on_a_schema(|schema| async move {
        let (_, store) = warmed(&schema).await;
        let exact = |version| ExpectedVersion::Exact(Version::new(version).unwrap());
        let cases = [
            ("warm", ExpectedVersion::NoStream),
            ("warm", exact(19)),
            ("warm", exact(21)),
            ("none", exact(1)),
            ("none", ExpectedVersion::Exists),
        ];
        let before = store.head().await.unwrap();
        for (name, expected) in cases {
            for count in [1, 2] {
                let append = Append::to(stream(name), expected).events(events(count));
                let error = store.append(append).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Conflict, "{name} {expected:?}: {error:?}");
                // The next one is tried without the lock again sooner or later.
                store.append(to("between", 1)).await.unwrap();
            }
        }
        let log = checks::whole(&store).await;
        assert_eq!(u64::try_from(log.len()).unwrap(), before.position.get() + 10);
    });
}

/// Holds whatever goes to the stream `parked` at the end of its statement, in the unique
/// indexes and not yet committed.
async fn park(client: &Client, schema: &Schema) {
    let name = &schema.name;
    let sql = format!(
        "CREATE FUNCTION {name}.park() RETURNS trigger LANGUAGE plpgsql AS $$ \
         BEGIN PERFORM pg_advisory_xact_lock(hashtext('{name}')); RETURN NULL; END $$; \
         CREATE TRIGGER park AFTER INSERT ON {name}.es_events FOR EACH ROW \
         WHEN (NEW.key = 'parked') EXECUTE FUNCTION {name}.park(); \
         SELECT pg_advisory_lock(hashtext('{name}'))"
    );
    client.batch_execute(&sql).await.unwrap();
}

/// Waits until so many statements wait for a lock of any kind beside the parked one's own.
async fn waiting(client: &Client, schema: &Schema, count: i64) {
    let sql = "SELECT count(DISTINCT a.pid) FROM pg_stat_activity a JOIN pg_locks l USING (pid) \
               WHERE NOT l.granted AND a.query LIKE '%' || $1 || '.%'";
    while client.query_one(sql, &[&schema.name]).await.unwrap().get::<_, i64>(0) < count {
        tokio::task::yield_now().await;
    }
}

fn spawned(store: &Store, name: &'static str) -> JoinHandle<es_core::Result<es_core::Receipt>> {
    let store = store.clone();
    tokio::spawn(async move { store.append(to(name, 1)).await })
}

async fn behind_a_parked_statement(schema: Arc<Schema>, is_killed: bool) {
    let (own, store) = warmed(&schema).await;
    let other = schema.store().await;
    let (client, look, inside) =
        (schema.client().await, schema.client().await, schema.client().await);
    park(&client, &schema).await;
    let before = store.head().await.unwrap().position;
    let parked = spawned(&store, "parked");
    waiting(&look, &schema, 1).await;

    // One who believes in the same end of the log, one who takes the lock.
    let same_end = spawned(&other, "behind");
    waiting(&look, &schema, 2).await;
    inside.batch_execute("BEGIN").await.unwrap();
    let in_transaction = tokio::spawn(async move {
        let receipt = own.append_in(&inside, to("inside", 1)).await.unwrap();
        inside.batch_execute("COMMIT").await.unwrap();
        receipt
    });
    checks::waiters(&look, &schema.name, 1).await;
    assert_eq!(store.head().await.unwrap().position, before);
    assert_eq!(other.head().await.unwrap().position, before);
    assert!(!same_end.is_finished() && !in_transaction.is_finished(), "it overtook");

    if is_killed {
        let sql = "SELECT pg_terminate_backend(l.pid) FROM pg_locks l \
                   WHERE NOT l.granted AND l.locktype = 'advisory' \
                   AND l.pid IN (SELECT pid FROM pg_stat_activity WHERE query LIKE '%' || $1 || '.%')";
        assert_eq!(look.query(sql, &[&schema.name]).await.unwrap().len(), 1);
    }
    let name = &schema.name;
    client.batch_execute(&format!("SELECT pg_advisory_unlock(hashtext('{name}'))")).await.unwrap();
    let mut positions = Vec::new();
    positions.push(parked.await.unwrap().unwrap().first.get());
    positions.push(same_end.await.unwrap().unwrap().first.get());
    positions.push(in_transaction.await.unwrap().first.get());
    if !is_killed {
        assert_eq!(positions[0], before.get() + 1);
    }
    positions.sort_unstable();
    let expected: Vec<u64> = (1..=3).map(|at| before.get() + at).collect();
    assert_eq!(positions, expected);
    checks::whole(&store).await;
}

#[test]
fn nobody_overtakes_a_statement_that_has_not_committed() {
    on_a_schema(|schema| behind_a_parked_statement(schema, false));
}

#[test]
fn a_statement_whose_session_dies_leaves_no_gap_and_no_double() {
    on_a_schema(|schema| behind_a_parked_statement(schema, true));
}

/// What a server does that was promoted before it had the last events.
#[test]
fn a_log_that_has_lost_its_end_gets_no_gap() {
    on_a_schema(|schema| async move {
        let (_, store) = warmed(&schema).await;
        let client = schema.client().await;
        for lost in 1..4_u64 {
            let before = store.head().await.unwrap().position.get();
            let sql = format!("DELETE FROM {}.es_events WHERE position > $1", schema.name);
            let kept = i64::try_from(before - lost).unwrap();
            client.execute(&sql, &[&kept]).await.unwrap();
            // The first one behind the loss is alone, or goes by the statement for many.
            for count in if lost % 2 == 1 { [1, 2] } else { [2, 1] } {
                store.append(to("warm", count)).await.unwrap();
            }
            checks::whole(&store).await;
        }
    });
}

#[test]
fn what_waits_while_the_log_is_renamed_is_not_written() {
    on_a_schema(|schema| async move {
        let (_, store) = warmed(&schema).await;
        let (client, look) = (schema.client().await, schema.client().await);
        let before = store.head().await.unwrap().position;
        let name = &schema.name;
        let lock = format!("BEGIN; LOCK TABLE {name}.es_append_lock IN EXCLUSIVE MODE");
        client.batch_execute(&lock).await.unwrap();
        let append = spawned(&store, "warm");
        checks::waiters(&look, name, 1).await;
        let renew = format!("UPDATE {name}.es_log SET id = gen_random_uuid(); COMMIT");
        client.batch_execute(&renew).await.unwrap();
        let error = append.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LogDiverged, "{error:?}");
        let anew = schema.store().await;
        assert_eq!(anew.head().await.unwrap().position, before);
    });
}

#[test]
fn who_may_not_look_at_the_lock_takes_it() {
    on_a_schema(|schema| async move {
        let owner = schema.store().await;
        let client = schema.client().await;
        let (role, name) = (format!("{}_app", schema.name), &schema.name);
        let sql = format!(
            "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {name} TO {role}; \
             GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO {role}; \
             REVOKE SELECT ON {name}.es_append_lock FROM {role}; \
             GRANT INSERT ON {name}.es_events, {name}.es_families, {name}.es_tags TO {role}; \
             GRANT UPDATE ON {name}.es_append_lock TO {role}"
        );
        client.batch_execute(&sql).await.unwrap();
        let store = as_somebody(&schema, &format!("-c%20role%3D{role}")).await;
        for count in [1, 2, 1, 2] {
            store.append(to("app", count)).await.unwrap();
        }
        assert_eq!(checks::whole(&owner).await.len(), 6);
        drop((store, owner));
        client.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
    });
}

/// The store with settings of the session.
async fn as_somebody(schema: &Schema, options: &str) -> Store {
    let mark = if schema.url.contains('?') { '&' } else { '?' };
    let url = format!("{}{mark}options={options}", schema.url);
    let options = schema.options().with_migrate(false);
    Store::new(PostgresStore::open_with(&url, options).await.unwrap())
}

/// The connections that append are told to see what was committed, whatever is the default.
#[test]
fn sessions_that_isolate_more_need_no_lock_either() {
    on_a_schema(|schema| async move {
        let (_, store) = warmed(&schema).await;
        let client = schema.client().await;
        for level in ["repeatable%5C%20read", "serializable"] {
            let options = format!("-c%20default_transaction_isolation%3D{level}");
            let other = as_somebody(&schema, &options).await;
            other.append(to("warm", 1)).await.unwrap();
            take_the_lock_away(&client, &schema).await;
            in_time(other.append(to("warm", 1))).await.unwrap();
            client.batch_execute("COMMIT").await.unwrap();
        }
        checks::whole(&store).await;
    });
}

/// A plan that was made for a table of one page would go through all of it, however large it has
/// grown since.
#[test]
fn a_log_that_was_tiny_when_it_was_analysed_is_not_searched_as_a_whole() {
    on_a_schema(|schema| async move {
        let client = schema.client().await;
        let name = &schema.name;
        let (_, store) = warmed(&schema).await;
        client.batch_execute(&format!("ANALYZE {name}.es_events")).await.unwrap();
        drop(store);
        let own = schema.open().await;
        let inside = schema.client().await;
        inside.batch_execute("SET application_name = 'tiny'").await.unwrap();
        let store = as_somebody(&schema, "-c%20application_name%3Dtiny").await;
        for round in 0..20_u64 {
            // Alone and together, with the lock (for its condition) and without.
            store.append(to("a", 1)).await.unwrap();
            store.append(to("b", 100)).await.unwrap();
            let required = Append::to(stream("a"), ExpectedVersion::Any)
                .event(event())
                .require(stream("b"), ExpectedVersion::Exists);
            store.append(required).await.unwrap();
            inside.batch_execute("BEGIN").await.unwrap();
            own.append_in(&inside, to("inside", 1)).await.unwrap();
            inside.batch_execute("COMMIT").await.unwrap();
            let read = Read::stream(stream("a")).from_version(Version::new(2 * round + 1).unwrap());
            assert!(!store.read(read).into_vec().await.unwrap().is_empty());
        }
        let rows = checks::whole(&store).await.len();
        drop((store, inside));
        // What a session has counted is there once it has ended.
        let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tiny'";
        while client.query_one(sessions, &[]).await.unwrap().get::<_, i64>(0) > 0 {
            tokio::task::yield_now().await;
        }
        let sql = "SELECT seq_tup_read FROM pg_stat_user_tables \
                   WHERE schemaname = $1 AND relname = 'es_events'";
        let touched: i64 = client.query_one(sql, &[name]).await.unwrap().get(0);
        let most = i64::try_from(2 * rows).unwrap();
        assert!(touched < most, "{touched} rows were gone through for a log of {rows}");
    });
}
