//! A writer that is held between taking its position and its commit.

use std::sync::Arc;

use es_core::{Append, ErrorKind, ExpectedVersion, Position, Read, Store};
use es_store_postgres::{PostgresStore, tokio_postgres::Client};

use crate::{
    checks::{self, Follower, LEVELS, event, stream, to},
    server::{Schema, on_a_schema, on_partitions},
};

/// A log with some hundred events: an empty one takes other ways through the planner.
async fn warmed(schema: &Schema) -> (PostgresStore, Store) {
    let own = schema.open().await;
    let store = Store::new(own.clone());
    for number in 0..300 {
        store.append(to(&format!("warm-{}", number % 7), 1 + number % 2)).await.unwrap();
    }
    (own, store)
}

async fn begin(client: &Client, level: &str) {
    client.batch_execute(&format!("BEGIN ISOLATION LEVEL {level}")).await.unwrap();
}

async fn head(store: &Store) -> u64 {
    store.head().await.unwrap().position.get()
}

async fn last_read(store: &Store) -> u64 {
    let read = Read::all().backward().limit(1);
    store.read(read).into_vec().await.unwrap().first().map_or(0, |event| event.position.get())
}

fn parked(end: &'static str) {
    on_a_schema(|schema| until(schema, end));
}

async fn until(schema: Arc<Schema>, end: &'static str) {
    let (own, store) = warmed(&schema).await;
    let other = schema.store().await;
    let (client, look) = (schema.client().await, schema.client().await);
    let followers = [Follower::start(&store), Follower::start(&other)];
    for round in 0..12 {
        let level = LEVELS[round % 3];
        let before = head(&store).await;
        begin(&client, level).await;
        let receipt = own.append_in(&client, to("parked", 1 + round % 3)).await.unwrap();
        assert_eq!(receipt.first, Position::new(before + 1), "{level}");

        let (one, two) = (store.clone(), other.clone());
        let behind = [
            tokio::spawn(async move { one.append(to("behind", 1)).await.unwrap() }),
            tokio::spawn(async move { two.append(to("behind", 2)).await.unwrap() }),
        ];
        checks::waiters(&look, &schema.name, 2).await;
        for store in [&store, &other] {
            assert_eq!(head(store).await, before, "{level}");
            assert_eq!(last_read(store).await, before, "{level}");
        }
        for follower in &followers {
            follower.has_met(usize::try_from(before).unwrap()).await;
            assert!(follower.seen().iter().all(|(at, _)| at.get() <= before), "{level}");
        }
        assert!(behind.iter().all(|task| !task.is_finished()), "{level}: it overtook");

        client.batch_execute(end).await.unwrap();
        let first = if end == "COMMIT" { receipt.last.get() + 1 } else { before + 1 };
        let mut behind_at = Vec::new();
        for task in behind {
            behind_at.push(task.await.unwrap().first.get());
        }
        assert_eq!(behind_at.iter().min(), Some(&first), "{level}");
    }
    let log = checks::whole(&store).await;
    for follower in &followers {
        follower.has_met(log.len()).await;
        checks::same(&follower.seen(), &log).unwrap();
    }
}

#[test]
fn nothing_is_seen_of_a_parked_writer_until_it_commits() {
    parked("COMMIT");
}

#[test]
fn nothing_is_seen_of_a_parked_writer_that_rolls_back() {
    parked("ROLLBACK");
}

#[test]
fn nothing_is_seen_of_a_parked_writer_in_partitions() {
    on_partitions(3, |schema| until(schema, "COMMIT"));
}

#[test]
fn a_transaction_that_began_too_early_is_told_so() {
    on_a_schema(|schema| async move {
        let (own, store) = warmed(&schema).await;
        let client = schema.client().await;
        for level in &LEVELS[1..] {
            begin(&client, level).await;
            let sql = format!("SELECT count(*) FROM {}.es_events", schema.name);
            client.query_one(&sql, &[]).await.unwrap();
            let receipt = store.append(to("meanwhile", 1)).await.unwrap();
            for expected in [ExpectedVersion::Any, ExpectedVersion::Exact(receipt.version())] {
                // Stale as it is, it would take a place that is taken, or tell a conflict
                // that there is not.
                client.batch_execute("SAVEPOINT s").await.unwrap();
                let append = Append::to(stream("meanwhile"), expected).event(event());
                let error = own.append_in(&client, append).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Busy, "{level}: {error:?}");
                client.batch_execute("ROLLBACK TO s").await.unwrap();
            }
            // Serializable transactions may be refused for what they read.
            drop(client.batch_execute("COMMIT").await);
            drop(client.batch_execute("ROLLBACK").await);
            assert_eq!(head(&store).await, receipt.last.get(), "{level}: nothing was written");

            // Run again, it works, and so does one that looked when nothing came between.
            begin(&client, level).await;
            client.query_one(&sql, &[]).await.unwrap();
            own.append_in(&client, to("meanwhile", 1)).await.unwrap();
            client.batch_execute("COMMIT").await.unwrap();
        }
        checks::whole(&store).await;
    });
}

#[test]
fn a_transaction_that_waited_for_another_sees_what_that_wrote() {
    on_a_schema(|schema| async move {
        let (own, store) = warmed(&schema).await;
        let (first, look) = (schema.client().await, schema.client().await);
        for level in LEVELS {
            begin(&first, "READ COMMITTED").await;
            let receipt = own.append_in(&first, to("both", 1)).await.unwrap();
            let second = schema.client().await;
            let (again, expected) = (own.clone(), ExpectedVersion::Exact(receipt.version()));
            let waiting = tokio::spawn(async move {
                begin(&second, level).await;
                let append = Append::to(stream("both"), expected).event(event());
                let receipt = again.append_in(&second, append).await;
                second.batch_execute("COMMIT").await.unwrap();
                receipt
            });
            checks::waiters(&look, &schema.name, 1).await;
            first.batch_execute("COMMIT").await.unwrap();
            let after = waiting.await.unwrap().unwrap();
            assert_eq!(after.first.get(), receipt.last.get() + 1, "{level}");
        }
        checks::whole(&store).await;
    });
}

#[test]
fn a_long_transaction_elsewhere_delays_nobody() {
    on_a_schema(|schema| async move {
        let (_own, store) = warmed(&schema).await;
        let client = schema.client().await;
        begin(&client, "REPEATABLE READ").await;
        client.query_one("SELECT pg_current_xact_id()::text", &[]).await.unwrap();
        let follower = Follower::start(&store);
        for number in 1..=50_usize {
            let receipt = store.append(to("on", 1)).await.unwrap();
            assert_eq!(last_read(&store).await, receipt.last.get(), "seen at once ({number})");
        }
        let log = checks::whole(&store).await;
        follower.has_met(log.len()).await;
        checks::same(&follower.seen(), &log).unwrap();
        client.batch_execute("ROLLBACK").await.unwrap();
    });
}

#[test]
fn a_refusal_leaves_the_transaction_usable() {
    on_a_schema(|schema| async move {
        let (own, store) = warmed(&schema).await;
        let client = schema.client().await;
        for (level, key) in LEVELS.iter().zip(["a", "b", "c"]) {
            begin(&client, level).await;
            let wrong = Append::to(stream("warm-1"), ExpectedVersion::NoStream).event(event());
            let error = own.append_in(&client, wrong).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict, "{level}: {error:?}");
            let noted = event();
            let right = || Append::to(stream(key), ExpectedVersion::NoStream).event(noted.clone());
            let receipt = own.append_in(&client, right()).await.unwrap();
            let again = own.append_in(&client, right()).await.unwrap();
            assert!(again.replayed && again.first == receipt.first, "{level}: {again:?}");
            client.batch_execute("COMMIT").await.unwrap();
        }
        let log = checks::whole(&store).await;
        assert_eq!(log.iter().filter(|event| event.stream.key().as_str().len() == 1).count(), 3);
    });
}
