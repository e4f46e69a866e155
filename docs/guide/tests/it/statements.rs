//! The SQL in the documents, on real databases, from the first statement to the last.

use es_testkit::Fixture;
use eventsource::{
    Append, CheckpointStore, Event, ExpectedVersion, NewEvent, Owner, Position, PostgresOptions,
    PostgresReadModel, PostgresStore, Progress, Read, ReadModel, SqliteReadModel, Store, StreamId,
    SubscriberName, Tag, postgres::tokio_postgres::SimpleQueryMessage, sqlite::SqliteStore,
};

use crate::{
    documents::blocks_of,
    servers::{Database, client, run},
};

/// The documents whose SQL is run.
pub(crate) const RUN: [&str; 3] = [
    "docs/postgresql.md",
    "docs/guide/src/operating-postgresql.md",
    "crates/es-store-sqlite/README.md",
];

/// What is not run, by how it begins: its server would have to be made for it.
const NOT: [(&str, &str); 1] = [(
    "ALTER TABLE eventsource.es_events_1 SET TABLESPACE",
    "a tablespace is a folder of the server",
)];

#[derive(Event)]
enum AccountEvent {
    Opened { owner: String },
}

async fn opened(store: &Store) {
    let alice = StreamId::new("account", "alice").unwrap();
    let opened = AccountEvent::Opened { owner: "Alice".into() };
    let append = Append::to(alice, ExpectedVersion::NoStream).event(opened);
    store.append(append).await.unwrap();
}

fn sql_of(document: &str) -> Vec<String> {
    let blocks = blocks_of(document).into_iter().filter(|block| block.language() == "sql");
    let sql: Vec<_> = blocks.map(|block| block.text).collect();
    assert!(!sql.is_empty(), "{document} has no SQL");
    sql
}

/// A log with an event and a subscriber, and somebody who holds the append lock.
async fn on_a_log(document: &str) {
    let database = Database::make().await;
    let store = PostgresStore::open(&database.url).await.unwrap();
    opened(&Store::new(store.clone())).await;
    claimed(&database.url, &Store::new(store)).await;
    // The role that the documents grant rights to; it is the server's, so it stays.
    run(&database.url, include_str!("statements/role.sql")).await;

    for sql in sql_of(document) {
        if let Some((_, because)) = NOT.iter().find(|(start, _)| sql.starts_with(start)) {
            println!("{document}: {because}");
            continue;
        }
        let locked = client(&database.url).await;
        if sql.contains("pg_locks") {
            let lock = "BEGIN; LOCK TABLE eventsource.es_append_lock IN EXCLUSIVE MODE";
            locked.batch_execute(lock).await.unwrap();
        }
        // What is said of partitions needs some.
        let apart = if sql.contains("es_in_sight") { Some(in_partitions().await) } else { None };
        let place = apart.as_ref().unwrap_or(&database);
        let answer = place.client().await.simple_query(&sql).await;
        let answer = answer.unwrap_or_else(|error| panic!("{document}: {sql}{error:?}"));
        let rows = answer.iter().filter(|a| matches!(a, SimpleQueryMessage::Row(_))).count();
        assert!(rows > 0 || !sql.starts_with("SELECT"), "{document}: {sql} shows nothing");
        if sql.contains("GRANT ") {
            works_as_app(&database.url).await;
        }
    }
}

/// A log in partitions with an event.
async fn in_partitions() -> Database {
    let database = Database::make().await;
    let options = PostgresOptions::new().with_partitions(10).unwrap();
    let store = PostgresStore::open_with(&database.url, options).await.unwrap();
    opened(&Store::new(store)).await;
    database
}

/// A program whose role has no more than what was granted just now.
async fn works_as_app(url: &str) {
    let (_, server) = url.split_once('@').unwrap();
    let url = format!("postgres://app:app@{server}");
    let options = PostgresOptions::new().with_migrate(false);
    let store = PostgresStore::open_with(&url, options.clone()).await.unwrap();
    let store = Store::new(store);
    let bob = StreamId::new("account", "bob").unwrap();
    let opened = NewEvent::of(&AccountEvent::Opened { owner: "Bob".into() }).unwrap();
    let opened = opened.with_tag(Tag::new("owner", "bob").unwrap());
    let append = Append::to(bob.clone(), ExpectedVersion::NoStream).event(opened);
    let receipt = store.append(append).await.unwrap();
    assert_eq!(store.wait(Position::START).await.unwrap().position, receipt.last);
    assert_eq!(store.read(Read::stream(bob)).into_vec().await.unwrap().len(), 1);
    store.durability().await.unwrap();

    let model = PostgresReadModel::open_with(&url, options).await.unwrap();
    let name = SubscriberName::from_static("names");
    let claimed = model.claim(&name, receipt.log, &Owner::new("app")).await.unwrap();
    let tx = model.begin().await.unwrap();
    let progress = Progress::from(&claimed, receipt.last);
    model.commit(tx, &progress).await.unwrap();
    model.forget(&name).await.unwrap();

    let rewriting = client(&url).await.execute("DELETE FROM eventsource.es_events", &[]).await;
    assert!(rewriting.is_err(), "no role needs to delete events");
}

async fn claimed(url: &str, store: &Store) {
    let model = PostgresReadModel::open(url).await.unwrap();
    let name = SubscriberName::new("balances").unwrap();
    let log = store.head().await.unwrap().log;
    model.claim(&name, log, &Owner::new("worker 1")).await.unwrap();
}

#[test]
fn postgresql_does_what_the_operators_are_told() {
    for document in ["docs/postgresql.md", "docs/guide/src/operating-postgresql.md"] {
        es_testkit::run(async { Fixture::new(Database::make().await, ()) }, |_| on_a_log(document));
    }
}

#[tokio::test]
async fn sqlite_shows_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bank.db");
    opened(&Store::new(SqliteStore::open(&file).await.unwrap())).await;
    let model = SqliteReadModel::open(&file).await.unwrap();
    for sql in sql_of("crates/es-store-sqlite/README.md") {
        let owner =
            model.read(move |db| db.query_row(&sql, [], |row| row.get::<_, String>("json")));
        assert_eq!(owner.await.unwrap(), r#"{"owner":"Alice"}"#);
    }
}
