//! The server that the tests run on, and a schema of its own for each test.
//!
//! `cargo xtask test` starts one and says where in `ES_TEST_POSTGRES_URL`. Without it the
//! tests are skipped with a word on the terminal, and fail where `CI` is set.

use std::{
    io::Write,
    process,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use es_core::Store;
use es_store_postgres::{PostgresOptions, PostgresStore, tokio_postgres};

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Where the server is, if there is one.
pub(crate) fn url() -> Option<String> {
    let url = std::env::var("ES_TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty());
    if url.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "ES_TEST_POSTGRES_URL names no server: run the tests by `cargo xtask test`"
        );
        // Past the capture of the test runner: a skip that nobody sees looks like a pass.
        let word = b"SKIPPED, no PostgreSQL: run `cargo xtask test`, or set ES_TEST_POSTGRES_URL\n";
        std::io::stderr().write_all(word).unwrap();
    }
    url
}

/// A schema of one test; it goes with the test, and stays where the test fails.
pub(crate) struct Schema {
    pub(crate) url: String,
    pub(crate) name: String,
}

impl Schema {
    pub(crate) fn new(url: String) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self { url, name: format!("t{}_{number}", process::id()) }
    }

    pub(crate) fn options(&self) -> PostgresOptions {
        PostgresOptions::new().with_schema(&self.name).unwrap().with_connections(4).unwrap()
    }

    pub(crate) async fn open(&self) -> PostgresStore {
        PostgresStore::open_with(&self.url, self.options()).await.unwrap()
    }

    pub(crate) async fn store(&self) -> Store {
        Store::new(self.open().await)
    }

    /// A connection of the test's own.
    pub(crate) async fn client(&self) -> tokio_postgres::Client {
        connect(&self.url).await
    }
}

pub(crate) async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) =
        tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
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
                client.batch_execute(&format!("DROP SCHEMA IF EXISTS {name} CASCADE")).await
            })
        });
        dropped.join().unwrap().unwrap();
    }
}
