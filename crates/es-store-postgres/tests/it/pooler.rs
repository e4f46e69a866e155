//! The store behind PgBouncer in transaction mode: correct, and only slower.
//!
//! Two consecutive transactions of a connection never have the same connection of the server
//! here, so whatever is kept with one is missed at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use es_core::{
    Append, CheckpointStore, ErrorKind, ExpectedVersion, Owner, Position, Progress, Read,
    ReadModel, Store, SubscriberName,
};
use es_store_postgres::{
    PostgresOptions, PostgresReadModel, PostgresStore, tokio_postgres::Client,
};
use es_testkit::Fixture;
use fastrand::Rng;

use crate::{
    checks::{self, Follower, Seen, events, stream, to},
    pgbouncer::{PgBouncer, keeps_statements},
    server::{Schema, connect, url},
};

mod store {
    use es_testkit::Fixture;

    use crate::server::{Schema, url};

    es_testkit::contract_tests!(
        fixture = || async {
            let schema = Schema::pooled(&url());
            Fixture::new(schema.store().await, schema)
        }
    );
}

mod shared {
    use es_testkit::Fixture;

    use crate::server::{Schema, url};

    es_testkit::shared_contract_tests!(
        fixture = || async {
            let schema = Schema::pooled(&url());
            Fixture::new([schema.store().await, schema.store().await], schema)
        }
    );
}

mod partitions {
    use es_testkit::Fixture;

    use crate::server::{Schema, url};

    es_testkit::shared_contract_tests!(
        fixture = || async {
            let schema = Schema::pooled(&url()).partitioned(crate::partitions::FEW);
            Fixture::new([schema.store().await, schema.store().await], schema)
        }
    );
}

mod snapshots {
    use es_store_postgres::PostgresSnapshotStore;
    use es_testkit::Fixture;

    use crate::server::{Schema, url};

    es_testkit::snapshot_contract_tests!(
        fixture = || async {
            let schema = Schema::pooled(&url());
            let opened = PostgresSnapshotStore::open_with(&schema.url, schema.options());
            Fixture::new(opened.await.unwrap(), schema)
        }
    );
}

mod read_model {
    use crate::contract::read_model::Numbers;
    use crate::server::{Schema, url};

    async fn model() -> es_testkit::Fixture<es_store_postgres::PostgresReadModel> {
        let schema = Schema::pooled(&url());
        es_testkit::Fixture::new(schema.read_model().await, schema)
    }

    es_testkit::checkpoint_contract_tests!(fixture = model);
    mod dead_letters {
        es_testkit::dead_letter_contract_tests!(fixture = super::model);
    }
    es_testkit::read_model_contract_tests!(fixture = || Numbers::on(Schema::pooled(&url())));
}

/// Runs a test on a schema of its own, behind a pooler of its own.
fn behind_a_pooler<Test: Future<Output = ()>>(test: impl FnOnce(Arc<Schema>) -> Test) {
    es_testkit::run(
        async {
            let schema = Arc::new(Schema::pooled(&url()));
            Fixture::new(Arc::clone(&schema), schema)
        },
        test,
    );
}

/// Appends some way, over and over: alone, in a batch, in a transaction of its own.
async fn write(own: PostgresStore, url: String, seed: u64, left: Arc<AtomicU64>) -> Vec<Seen> {
    let (store, mut rng, mut written) = (Store::new(own.clone()), Rng::with_seed(seed), Vec::new());
    let mut client = connect(&url).await;
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
        let some = events(rng.usize(1..4));
        let ids: Vec<_> = some.iter().map(|event| event.id).collect();
        let key = format!("s{}", rng.u8(..30));
        let append = Append::to(stream(&key), ExpectedVersion::Any).events(some);
        let receipt = if rng.u8(..4) > 0 {
            store.append(append).await.unwrap()
        } else {
            let tx = client.transaction().await.unwrap();
            let receipt = own.append_in(&tx, append).await.unwrap();
            tx.commit().await.unwrap();
            receipt
        };
        written.extend((receipt.first.get()..).map(Position::new).zip(ids));
    }
    written
}

/// Reads on from where it was, until `ended` and nothing more comes.
async fn resume(store: Store, seed: u64, ended: Arc<AtomicBool>) -> Vec<Seen> {
    let (mut rng, mut seen) = (Rng::with_seed(seed), Vec::<Seen>::new());
    loop {
        let is_last = ended.load(Ordering::SeqCst);
        let after = seen.last().map_or(Position::START, |(position, _)| *position);
        let found = store.read(Read::all().after(after).limit(rng.u64(1..300))).into_vec().await;
        let found = found.unwrap();
        if is_last && found.is_empty() {
            return seen;
        }
        seen.extend(found.iter().map(|event| (event.position, event.id)));
    }
}

#[test]
fn no_reader_and_no_follower_skips_anything() {
    let appends =
        std::env::var("ES_TEST_EVENTS").ok().map_or(2_000, |number| number.parse().unwrap());
    behind_a_pooler(|schema| async move {
        let (one, other) = (schema.open().await, schema.open().await);
        let (ended, left) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(appends)));
        let followers = [Follower::start(&Store::new(one.clone()))];
        let readers = [1, 2]
            .map(|seed| tokio::spawn(resume(Store::new(other.clone()), seed, Arc::clone(&ended))));
        let writers: Vec<_> = (0..12)
            .map(|seed| {
                let own = if seed % 2 == 0 { one.clone() } else { other.clone() };
                tokio::spawn(write(own, schema.url.clone(), seed, Arc::clone(&left)))
            })
            .collect();
        let mut written = Vec::new();
        for writer in writers {
            let of_one = writer.await.unwrap();
            assert!(of_one.is_sorted());
            written.extend(of_one);
        }
        ended.store(true, Ordering::SeqCst);
        written.sort_unstable();
        let log = checks::whole(&Store::new(one)).await;
        checks::same(&written, &log).unwrap();
        for reader in readers {
            checks::same(&reader.await.unwrap(), &log).unwrap();
        }
        for follower in followers {
            follower.has_met(log.len()).await;
            checks::same(&follower.seen(), &log).unwrap();
        }
    });
}

#[test]
fn a_handler_prepares_what_it_likes_and_the_next_transaction_is_not_harmed() {
    behind_a_pooler(|schema| async move {
        let model = schema.read_model().await;
        let table = format!("{}.balance", schema.name);
        let sql = format!("CREATE TABLE {table} (owner text PRIMARY KEY, cents bigint)");
        schema.client().await.batch_execute(&sql).await.unwrap();
        let name = SubscriberName::new("balances").unwrap();
        let log = schema.store().await.head().await.unwrap().log;
        let claimed = model.claim(&name, log, &Owner::new("one")).await.unwrap();
        let credit = format!(
            "INSERT INTO {table} VALUES ($1, $2) ON CONFLICT (owner) \
             DO UPDATE SET cents = {table}.cents + $2"
        );
        let mut kept = Vec::new();
        for position in 1..=40_u64 {
            let tx = model.begin().await.unwrap();
            let statement = tx.prepare_cached(&credit).await.unwrap();
            tx.send(&statement, vec![Box::new("alice"), Box::new(1_i64)]);
            tx.execute(&credit, &[&"bob", &2_i64]).await.unwrap();
            if position % 3 == 0 {
                // It outlives its transaction, against what is said, and its name stays where
                // it was given.
                kept.push(tx.prepare("SELECT 1").await.unwrap());
            }
            if position % 5 == 0 {
                drop(tx);
                continue;
            }
            let progress = Progress::from(&claimed, Position::new(position));
            model.commit(tx, &progress).await.unwrap();
        }
        let sql = format!("SELECT owner, cents FROM {table} ORDER BY owner");
        // Not prepared: the next transaction may be on another connection.
        let rows = schema.client().await.query_typed(&sql, &[]).await.unwrap();
        let rows: Vec<(String, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert_eq!(rows, [("alice".to_owned(), 32), ("bob".to_owned(), 64)]);
    });
}

/// Names that another program left behind are those that this one's driver gives next.
#[test]
fn what_others_left_on_a_connection_does_not_get_into_the_way() {
    behind_a_pooler(|schema| async move {
        let model = schema.read_model().await;
        let client = schema.client().await;
        for number in 0..3_000 {
            // On whatever connection it is: all of them have many in the end.
            client.batch_execute(&format!("PREPARE s{number} AS SELECT 'theirs'")).await.unwrap();
        }
        for _ in 0..20 {
            let tx = model.begin().await.unwrap();
            let row = tx.query_one("SELECT 'ours'", &[]).await.unwrap();
            assert_eq!(row.get::<_, &str>(0), "ours");
        }
    });
}

/// Without a word in the options it would prepare statements: it must not even begin.
#[test]
fn a_pooler_that_forgets_statements_is_refused_with_the_remedy() {
    es_testkit::run(
        async {
            let schema = Schema::new(url());
            let settings: &[&str] =
                if keeps_statements() { &["max_prepared_statements = 0"] } else { &[] };
            let poolers = [
                PgBouncer::start(&schema.url, settings),
                // As it comes: the last one that was used is used again.
                PgBouncer::start(&schema.url, &[settings, &["server_round_robin = 0"]].concat()),
                PgBouncer::start(&schema.url, &[settings, &["default_pool_size = 1"]].concat()),
            ];
            Fixture::new((poolers, schema.options()), schema)
        },
        |(poolers, options): (_, PostgresOptions)| async move {
            for pooler in &poolers {
                let error =
                    PostgresStore::open_with(&pooler.url, options.clone()).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
                assert!(error.to_string().contains("with_transaction_pooler(true)"), "{error}");
                let error =
                    PostgresReadModel::open_with(&pooler.url, options.clone()).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
                let told = options.clone().with_transaction_pooler(true);
                let store = Store::new(PostgresStore::open_with(&pooler.url, told).await.unwrap());
                store.append(to("a", 1)).await.unwrap();
            }
        },
    );
}

/// Sessions of the server that are at work on something of this log.
async fn at_work(client: &Client, schema: &str) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' \
               AND pid <> pg_backend_pid() AND query LIKE '%' || $1 || '%'";
    client.query_one(sql, &[&schema]).await.unwrap().get(0)
}

#[test]
fn appends_that_are_too_late_end_neither_the_pooler_nor_wait_on_in_the_server() {
    behind_a_pooler(|schema| async move {
        let store = schema.store().await;
        store.append(to("a", 1)).await.unwrap();
        let (mut holder, other) = (connect(&url()).await, connect(&url()).await);
        let held = holder.transaction().await.unwrap();
        let lock = format!("LOCK TABLE {}.es_append_lock IN EXCLUSIVE MODE", schema.name);
        held.batch_execute(&lock).await.unwrap();
        for late in 0..30 {
            let within = Duration::from_millis(late % 3 * 10);
            let append = to("a", 1);
            let kind = store.append(append.deadline(within)).await.unwrap_err().kind();
            let is_late = matches!(kind, ErrorKind::Busy | ErrorKind::OutcomeUnknown);
            assert!(is_late, "{within:?}: {kind:?}");
            // The pooler is there still, and so are its other clients.
            assert_eq!(store.head().await.unwrap().position, Position::new(1), "{late}");
        }
        while at_work(&other, &schema.name).await > 0 {
            tokio::task::yield_now().await;
        }
        held.rollback().await.unwrap();
        store.append(to("a", 1)).await.unwrap();
        assert_eq!(store.head().await.unwrap().position, Position::new(2));
    });
}
