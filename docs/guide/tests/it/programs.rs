//! The programs in the documents that need a server or a file; `build.rs` makes modules of them.

use std::{cell::RefCell, time::Duration};

use es_testkit::{
    Fixture,
    servers::{RedisConfig, RedisServer},
};
use eventsource::{
    Append, Event, ExpectedVersion, Interest, PostgresOptions, PostgresStore, Read, RedisTopic,
    Relay, Store, StreamId, TopicOptions,
    memory::{MemoryReadModel, MemoryStore},
    redis::{RedisOptions, RedisStore},
};

use crate::servers::Database;

/// The documents whose programs are run: here, and getting started in a test of its own.
pub(crate) const RUN: [&str; 6] = [
    "README.md",
    "crates/es-store-postgres/README.md",
    "docs/guide/src/bus.md",
    "docs/guide/src/getting-started.md",
    "docs/guide/src/operating-postgresql.md",
    "docs/guide/src/operating-redis.md",
];

/// Fragments, compiled as doctests. What they call is called in `commands` and in the tests of
/// the stores.
pub(crate) const FRAGMENTS: [(&str, &str); 4] = [
    ("docs/postgresql.md", "\nPostgresStore::renew_identity("),
    ("docs/postgresql.md", "\nPostgresStore::admit("),
    ("docs/redis.md", "\nRedisStore::continue_after_loss("),
    ("docs/redis.md", " RedisPartitions::open_over("),
];

#[allow(
    warnings,
    clippy::all,
    clippy::pedantic,
    reason = "a document shows what it is about, and not what a linter would have"
)]
mod written {
    include!(concat!(env!("OUT_DIR"), "/programs.rs"));
}

thread_local! {
    /// Where the URLs of the program lead that this thread runs.
    static HERE: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// What the programs call with each URL that they name.
fn here(url: &str) -> &'static str {
    let here = HERE.with_borrow_mut(Vec::pop);
    let here = here.unwrap_or_else(|| panic!("there is one URL more: {url}"));
    let scheme = |url: &str| url.split(':').next().unwrap().to_owned();
    assert_eq!(scheme(url), scheme(&here), "{url}");
    here.leak()
}

/// Runs a program, whose one URL leads to `url`, on a thread of its own.
async fn run(program: fn(), url: &str) {
    run_over(program, vec![url.to_owned()]).await;
}

/// Runs a program whose URLs lead to `urls`, the last one first.
async fn run_over(program: fn(), urls: Vec<String>) {
    let running = tokio::task::spawn_blocking(move || {
        std::thread::spawn(move || {
            HERE.set(urls);
            program();
            assert!(HERE.take().is_empty(), "the program has opened nothing");
        })
        .join()
    });
    running.await.unwrap().expect("the program runs");
}

#[tokio::test]
async fn the_readme_shows_a_durable_account() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("bank.db").display());
    run(written::readme::run, &url).await;
    let log = eventsource::open(&url).await.unwrap();
    assert_eq!(log.read(Read::all()).into_vec().await.unwrap().len(), 3);
}

fn on_a_database<Test: Future<Output = ()>>(test: impl FnOnce(Database) -> Test) {
    es_testkit::run(async { Fixture::new(Database::make().await, ()) }, test);
}

#[test]
fn the_readme_of_the_store_on_postgresql() {
    on_a_database(|database| async move {
        run(written::postgres_readme::run, &database.url).await;
    });
}

#[test]
fn postgresql_with_options() {
    on_a_database(|database| async move {
        // The program opens what a deployment step has made.
        let options = PostgresOptions::new().with_schema("bank").unwrap();
        PostgresStore::migrate(&database.url, &options).await.unwrap();
        run(written::operating_postgresql::run, &database.url).await;
    });
}

fn on_redis<Test: Future<Output = ()>>(test: impl FnOnce(RedisServer) -> Test) {
    let server = async { Fixture::new(RedisServer::start(&RedisConfig::durable()), ()) };
    es_testkit::run(server, test);
}

#[test]
fn redis_with_options() {
    on_redis(|server| async move {
        run(written::operating_redis::run, &server.url()).await;
        let ledger = RedisOptions::new().with_name("ledger").unwrap();
        assert!(RedisStore::open_with(&server.url(), ledger).await.is_ok());
    });
}

#[test]
fn redis_in_partitions() {
    on_redis(|one| async move {
        let two = RedisServer::start(&RedisConfig::durable());
        run_over(written::redis_partitions::run, vec![two.url(), one.url()]).await;
    });
}

#[derive(Event)]
enum OrderEvent {
    Placed { email: String },
}

#[test]
fn a_consumer_in_another_program() {
    on_redis(|server| async move {
        // The service whose orders it hears of.
        let store = Store::new(MemoryStore::new());
        let options = TopicOptions::default().with_partitions(8);
        let topic = RedisTopic::connect(&server.url(), "orders", options).await.unwrap();
        let relay = Relay::new("orders", store.clone(), MemoryReadModel::new())
            .publish(Interest::events::<OrderEvent>(), topic)
            .start()
            .unwrap();
        let order = StreamId::new("order", 1).unwrap();
        let placed = |n| OrderEvent::Placed { email: format!("{n}@example.org") };
        let append = Append::to(order, ExpectedVersion::Any).events((0..100).map(placed));
        store.append(append).await.unwrap();
        // It ends when it has written a hundred mails.
        run(written::bus::run, &server.url()).await;
        assert!(relay.stop(Duration::from_secs(10)).await);
    });
}
