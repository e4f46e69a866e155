//! The server that the tests run on, and a schema of its own for each test.
//!
//! `cargo xtask test` starts one and says where in `ES_TEST_POSTGRES_URL`. Without it the
//! tests are skipped with a word on the terminal, and fail where `CI` is set.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use es_core::Store;
use es_store_postgres::{PostgresOptions, PostgresReadModel, PostgresStore, tokio_postgres};
use tokio_postgres::error::SqlState;

use crate::pgbouncer::PgBouncer;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Where the server is. Without one the test is skipped.
pub(crate) fn url() -> String {
    let url = std::env::var("ES_TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty());
    url.unwrap_or_else(|| {
        es_testkit::skip("no PostgreSQL: run `cargo xtask test`, or set ES_TEST_POSTGRES_URL")
    })
}

/// Runs a test that needs the server and makes runtimes of its own.
pub(crate) fn skipping(test: impl FnOnce(String) + Send) {
    es_testkit::run(async { es_testkit::Fixture::new(url(), ()) }, |url| async {
        std::thread::scope(|scope| scope.spawn(move || test(url)).join().unwrap());
    });
}

/// Runs a test on a schema of its own.
pub(crate) fn on_a_schema<Test: Future<Output = ()>>(test: impl FnOnce(Arc<Schema>) -> Test) {
    es_testkit::run(
        async {
            let schema = Arc::new(Schema::new(url()));
            es_testkit::Fixture::new(Arc::clone(&schema), schema)
        },
        test,
    );
}

/// Runs a test on a schema of its own, with events in partitions of so many positions.
pub(crate) fn on_partitions<Test: Future<Output = ()>>(
    positions: u64,
    test: impl FnOnce(Arc<Schema>) -> Test,
) {
    es_testkit::run(
        async {
            let schema = Arc::new(Schema::in_partitions(url(), positions));
            es_testkit::Fixture::new(Arc::clone(&schema), schema)
        },
        test,
    );
}

/// A schema of one test; it goes with the test, and stays where the test fails.
pub(crate) struct Schema {
    pub(crate) url: String,
    pub(crate) name: String,
    partition: Option<u64>,
    /// What stands between the store and the server, and is at `url` then.
    pooler: Option<PgBouncer>,
}

impl Schema {
    pub(crate) fn new(url: String) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("t{}_{number}", process::id());
        Self { url, name, partition: None, pooler: None }
    }

    /// One whose logs have partitions of so many positions.
    pub(crate) fn in_partitions(url: String, positions: u64) -> Self {
        Self::new(url).partitioned(positions)
    }

    /// The same, with partitions of so many positions.
    pub(crate) fn partitioned(mut self, positions: u64) -> Self {
        self.partition = Some(positions);
        self
    }

    /// One that is reached through PgBouncer in transaction mode. Without its program the test
    /// is skipped.
    pub(crate) fn pooled(url: &str) -> Self {
        let pooler = PgBouncer::start(url, &[]);
        let mut schema = Self::new(pooler.url.clone());
        schema.pooler = Some(pooler);
        schema
    }

    pub(crate) fn options(&self) -> PostgresOptions {
        let options = PostgresOptions::new().with_transaction_pooler(self.pooler.is_some());
        let options = options.with_schema(&self.name).unwrap().with_connections(4).unwrap();
        match self.partition {
            Some(positions) => options.with_partitions(positions).unwrap(),
            None => options,
        }
    }

    pub(crate) async fn open(&self) -> PostgresStore {
        PostgresStore::open_with(&self.url, self.options()).await.unwrap()
    }

    pub(crate) async fn store(&self) -> Store {
        Store::new(self.open().await)
    }

    pub(crate) async fn read_model(&self) -> PostgresReadModel {
        PostgresReadModel::open_with(&self.url, self.options()).await.unwrap()
    }

    /// A connection of the test's own.
    pub(crate) async fn client(&self) -> tokio_postgres::Client {
        connect(&self.url).await
    }
}

pub(crate) async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

impl Drop for Schema {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        let (url, name) = (self.url.clone(), self.name.clone());
        // The runtime of the test may be at its end, so this one has its own.
        let dropped = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let client = connect(&url).await;
                let drop = format!("DROP SCHEMA IF EXISTS {name} CASCADE");
                // What the store had sent last may be on its way still, on other tables first.
                loop {
                    match client.batch_execute(&drop).await {
                        Err(error) if error.code() == Some(&SqlState::T_R_DEADLOCK_DETECTED) => {}
                        done => return done,
                    }
                }
            })
        });
        dropped.join().unwrap().unwrap();
    }
}
