//! Servers for what the documents do with one.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use eventsource::postgres::tokio_postgres::{Client, NoTls, connect};

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A database of one test; it goes with the test, and stays where the test fails.
pub(crate) struct Database {
    pub(crate) url: String,
    server: String,
    name: String,
}

impl Database {
    /// A fresh one. Without a server the test is skipped.
    pub(crate) async fn make() -> Self {
        let server = std::env::var("ES_TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty());
        let server = server.unwrap_or_else(|| {
            es_testkit::skip("no PostgreSQL: run `cargo xtask test`, or set ES_TEST_POSTGRES_URL")
        });
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("guide_{}_{number}", std::process::id());
        run(&server, &format!("CREATE DATABASE {name}")).await;
        // What the server's own database is called stands behind the last slash.
        let (place, _) = server.rsplit_once('/').unwrap();
        Self { url: format!("{place}/{name}"), server, name }
    }

    pub(crate) async fn client(&self) -> Client {
        client(&self.url).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        let (server, name) = (self.server.clone(), self.name.clone());
        // The runtime of the test may be at its end, so this one has its own.
        let dropped = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let drop = format!("DROP DATABASE {name} WITH (FORCE)");
            runtime.unwrap().block_on(run(&server, &drop));
        });
        dropped.join().unwrap();
    }
}

pub(crate) async fn client(url: &str) -> Client {
    let (client, connection) = connect(url, NoTls).await.unwrap();
    // It ends with the client.
    tokio::spawn(connection);
    client
}

pub(crate) async fn run(url: &str, sql: &str) {
    client(url).await.batch_execute(sql).await.unwrap();
}
