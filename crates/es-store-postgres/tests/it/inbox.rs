//! Each message counts once, with its transaction or not at all, whoever else has it.

use std::time::Duration;

use es_core::{
    Arrival, Envelope, NewEvent, Part, Payload, Position, Schema, StreamId, SubscriberName,
    Timestamp, Version,
};
use es_store_postgres::PostgresInbox;

use crate::server::on_a_schema;

fn event() -> Envelope {
    let new = NewEvent::raw(Schema::from_static("placed", 1), Payload::json(&1).unwrap());
    let (stream, version) = (StreamId::new("order", "1").unwrap(), Version::new(1).unwrap());
    Envelope::record(new, stream, version, Position::new(1), Timestamp::now())
}

fn inbox(name: &'static str, keep: Duration) -> PostgresInbox {
    PostgresInbox::new(SubscriberName::from_static(name), keep)
}

const FOR_EVER: Duration = Duration::MAX;

#[test]
fn a_message_is_first_once_per_handler_and_part() {
    on_a_schema(|schema| async move {
        schema.open().await;
        let mut client = schema.client().await;
        let path = format!("SET search_path TO {}", schema.name);
        client.batch_execute(&path).await.unwrap();
        PostgresInbox::create(&client).await.unwrap();
        let (one, two, event) = (inbox("one", FOR_EVER), inbox("two", FOR_EVER), event());
        let tx = client.transaction().await.unwrap();
        assert_eq!(one.accept(&tx, &event).await.unwrap(), Arrival::First);
        assert_eq!(one.accept(&tx, &event).await.unwrap(), Arrival::Again);
        assert_eq!(two.accept(&tx, &event).await.unwrap(), Arrival::First);
        tx.commit().await.unwrap();
        let mut part = event.clone();
        part.part = Part::Split { index: 1, of: 2, last: true };
        let tx = client.transaction().await.unwrap();
        assert_eq!(one.accept(&tx, &event).await.unwrap(), Arrival::Again);
        assert_eq!(one.accept(&tx, &part).await.unwrap(), Arrival::First);
        tx.rollback().await.unwrap();
        let tx = client.transaction().await.unwrap();
        assert_eq!(one.accept(&tx, &part).await.unwrap(), Arrival::First, "it was rolled back");
    });
}

#[test]
fn of_many_at_once_one_is_first() {
    on_a_schema(|schema| async move {
        schema.open().await;
        let path = format!("SET search_path TO {}", schema.name);
        let (inbox, event) = (inbox("one", FOR_EVER), event());
        let mut tasks = Vec::new();
        for _ in 0..6 {
            let mut client = schema.client().await;
            client.batch_execute(&path).await.unwrap();
            let (inbox, event) = (inbox.clone(), event.clone());
            tasks.push(tokio::spawn(async move {
                PostgresInbox::create(&client).await.unwrap();
                let tx = client.transaction().await.unwrap();
                let arrival = inbox.accept(&tx, &event).await.unwrap();
                tx.commit().await.unwrap();
                arrival
            }));
        }
        let mut first = 0;
        for task in tasks {
            first += u32::from(task.await.unwrap().is_first());
        }
        assert_eq!(first, 1);
    });
}

#[test]
fn the_old_is_forgotten_by_the_way() {
    on_a_schema(|schema| async move {
        schema.open().await;
        let client = schema.client().await;
        let path = format!("SET search_path TO {}", schema.name);
        client.batch_execute(&path).await.unwrap();
        PostgresInbox::create(&client).await.unwrap();
        let (forgetful, other) = (inbox("one", Duration::ZERO), inbox("two", FOR_EVER));
        for _ in 0..60 {
            let _ = forgetful.accept(&client, &event()).await.unwrap();
            let _ = other.accept(&client, &event()).await.unwrap();
        }
        let sql = "SELECT count(*) FROM es_inbox WHERE subscriber = $1";
        let count =
            async |name: &str| client.query_one(sql, &[&name]).await.unwrap().get::<_, i64>(0);
        assert!(count("one").await < 10);
        assert_eq!(count("two").await, 60);
    });
}
