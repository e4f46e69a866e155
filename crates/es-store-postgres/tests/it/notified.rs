//! What other processes are told of an append: that it happened, once.

use std::{future::poll_fn, time::Duration};

use es_core::Store;
use es_store_postgres::{
    PostgresStore,
    tokio_postgres::{self, AsyncMessage, Client, NoTls},
};
use tokio::sync::mpsc;

use crate::{
    checks::{Follower, same, to, whole},
    server::{Schema, on_a_schema},
};

/// A store whose followers hear of what others append, or wait for ten minutes.
async fn listening(schema: &Schema) -> Store {
    let options = schema.options().with_poll_interval(Duration::from_secs(600));
    Store::new(PostgresStore::open_with(&schema.url, options).await.unwrap())
}

/// All that is notified from now on, while the client is kept.
async fn notified(schema: &Schema) -> (Client, mpsc::UnboundedReceiver<String>) {
    let (client, mut connection) = tokio_postgres::connect(&schema.url, NoTls).await.unwrap();
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(told) = message {
                drop(sender.send(told.payload().to_owned()));
            }
        }
    });
    client.batch_execute(&format!("LISTEN {}_es_events", schema.name)).await.unwrap();
    (client, receiver)
}

#[test]
fn an_append_is_told_once_however_many_listen() {
    on_a_schema(|schema| async move {
        let writer = listening(&schema).await;
        let others = [listening(&schema).await, listening(&schema).await, listening(&schema).await];
        let followers = others.each_ref().map(Follower::start);
        // Once they have met something by a notification, they listen.
        let (_listens, mut told) = notified(&schema).await;
        let mut count = 0;
        for number in 1..=30 {
            writer.append(to("told", 1)).await.unwrap();
            count += 1;
            for follower in &followers {
                follower.has_met(number).await;
            }
        }
        let log = whole(&writer).await;
        followers.iter().for_each(|follower| same(&follower.seen(), &log).unwrap());

        // Each of the others tells what it has appended itself.
        let last = others[1].append(to("told", 1)).await.unwrap().last.to_string();
        count += 1;
        for follower in &followers {
            follower.has_met(31).await;
        }
        let mut heard = vec![told.recv().await.unwrap()];
        while heard.last() != Some(&last) {
            heard.push(told.recv().await.unwrap());
        }
        assert!(heard.len() <= count, "{count} appends were told {} times", heard.len());
    });
}
