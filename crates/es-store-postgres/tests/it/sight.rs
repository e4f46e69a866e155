//! What lies in a partition that a session does not see is not passed over.
//!
//! Such a session comes about by a race within the server, one in many thousand times. Here a
//! partition is taken away from under the store, which looks the same to every session.

use es_core::{
    Append, ErrorKind, ExpectedVersion, NewEvent, Payload, Position, Query, Read, Schema as Typed,
    Store, Tag,
};
use es_store_postgres::{PostgresStore, tokio_postgres::Client};

use crate::{
    checks::{self, Follower, stream, to},
    server::{Schema, on_partitions},
};

/// Twelve events in partitions of four; the last one of each partition is rare.
async fn filled(schema: &Schema) -> (PostgresStore, Store) {
    let own = schema.open().await;
    let store = Store::new(own.clone());
    PostgresStore::make_partitions(&schema.url, &schema.options(), Position::new(40))
        .await
        .unwrap();
    for _ in 0..3 {
        store.append(to("much", 3)).await.unwrap();
        let append = Append::to(stream("rare"), ExpectedVersion::Any).event(rare());
        store.append(append).await.unwrap();
    }
    (own, store)
}

fn rare() -> NewEvent {
    NewEvent::raw(Typed::from_static("rare", 1), Payload::json(&1).unwrap()).with_tag(tag())
}

fn tag() -> Tag {
    Tag::new("is", "rare").unwrap()
}

async fn detach(client: &Client, schema: &Schema) {
    let name = &schema.name;
    let sql = format!("ALTER TABLE {name}.es_events DETACH PARTITION {name}.es_events_3");
    client.batch_execute(&sql).await.unwrap();
}

async fn attach(client: &Client, schema: &Schema) {
    let name = &schema.name;
    let sql = format!(
        "ALTER TABLE {name}.es_events ATTACH PARTITION {name}.es_events_3 \
         FOR VALUES FROM (9) TO (13)"
    );
    client.batch_execute(&sql).await.unwrap();
}

#[test]
fn no_read_passes_over_a_partition_that_is_not_seen() {
    on_partitions(4, |schema| async move {
        let (_own, store) = filled(&schema).await;
        let client = schema.client().await;
        let log = checks::whole(&store).await;
        let (first, last) = (&log[0], &log[11]);
        let reads = [
            Read::all(),
            Read::all().limit(2),
            Read::all().until(Position::new(11)),
            Read::all().recorded_since(first.recorded_at),
            Read::all().tagged(tag()),
            Read::all().of_types([last.schema.name.clone()]),
            Read::category(last.stream.category().clone()),
            Read::stream(stream("rare")),
            Read::event(last.id),
        ];
        let both = reads.iter().flat_map(|read| [read.clone(), read.clone().backward()]);
        let both: Vec<Read> = both.collect();
        let mut whole = Vec::new();
        for read in &both {
            whole.push(store.read(read.clone()).into_vec().await.unwrap());
        }

        detach(&client, &schema).await;
        for read in &both {
            let error = store.read(read.clone()).into_vec().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{read:?}: {error:?}");
            assert!(error.to_string().contains("detached"), "{error}");
        }
        attach(&client, &schema).await;
        for (read, whole) in both.into_iter().zip(whole) {
            assert_eq!(store.read(read).into_vec().await.unwrap(), whole);
        }
    });
}

#[test]
fn a_follower_waits_for_a_partition_that_is_not_seen() {
    on_partitions(4, |schema| async move {
        let (_own, store) = filled(&schema).await;
        let client = schema.client().await;
        detach(&client, &schema).await;
        let follower = Follower::start(&store);
        // It reads the log from the beginning, and cannot.
        let error = store.read(Read::all()).into_vec().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        // What is written behind the gap must not lead over it.
        attach(&client, &schema).await;
        store.append(to("much", 3)).await.unwrap();
        let log = checks::whole(&store).await;
        follower.has_met(log.len()).await;
        checks::same(&follower.seen(), &log).unwrap();
    });
}

#[test]
fn no_append_is_decided_without_a_partition_that_is_not_seen() {
    on_partitions(4, |schema| async move {
        let (own, store) = filled(&schema).await;
        let (client, inside) = (schema.client().await, schema.client().await);
        let (free, last) = (Position::new(10), Position::new(12));
        let unless = || {
            let append = Append::to(stream("next"), ExpectedVersion::Any).event(rare());
            append.unless(Query::any().of_types([rare().schema.name]), free)
        };

        detach(&client, &schema).await;
        let error = store.append(unless()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        inside.batch_execute("BEGIN").await.unwrap();
        let error = own.append_in(&inside, unless()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        inside.batch_execute("ROLLBACK").await.unwrap();
        assert_eq!(store.head().await.unwrap().position, last, "nothing was written");

        attach(&client, &schema).await;
        let error = store.append(unless()).await.unwrap_err();
        assert_eq!(error.condition_failed().unwrap().found, last);
    });
}

#[test]
fn a_repetition_is_known_without_a_partition_that_is_not_seen() {
    on_partitions(4, |schema| async move {
        let (own, store) = filled(&schema).await;
        let (client, inside) = (schema.client().await, schema.client().await);
        let log = checks::whole(&store).await;
        // From the last append, which lies in the last partition with events.
        let again = NewEvent::raw(log[11].schema.clone(), log[11].payload.clone())
            .with_tag(tag())
            .with_id(log[11].id);
        let again = || Append::to(stream("rare"), ExpectedVersion::Any).event(again.clone());

        detach(&client, &schema).await;
        let error = store.append(again()).await.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::OutcomeUnknown),
            "neither new nor another: {error:?}"
        );
        inside.batch_execute("BEGIN").await.unwrap();
        let error = own.append_in(&inside, again()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        inside.batch_execute("ROLLBACK").await.unwrap();

        attach(&client, &schema).await;
        let receipt = store.append(again()).await.unwrap();
        assert!(receipt.replayed && receipt.last == log[11].position, "{receipt:?}");
    });
}
