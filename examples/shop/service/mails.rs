//! Mails about orders: a relay brings the events to a topic on Redis, and whoever is free
//! writes the mail. Several shops on one log share the work.

use std::time::Duration;

use anyhow::{Result, ensure};
use axum::{Json, extract::State};
use eventsource::{
    Category, Check, CheckpointStore, DeadLetterStore, Interest, Recorded, RedisTopic,
    RunningConsumer, RunningRelay, SqliteReadModel, TopicOptions, prelude::*,
};
use serde::Serialize;

use crate::{
    order::{Order, OrderEvent},
    problem::Problem,
    service::Shop,
};

/// The name of the group of those who write mails.
const GROUP: &str = "mails";
/// After so long a silence another shop takes over.
const LEASE: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(1);

/// Where order events are published before they become mails.
#[derive(Debug)]
pub struct Bus {
    topic: RedisTopic,
    relay: Relay,
    orders: Repository<Order>,
}

impl Bus {
    /// A bus on the Redis at `url` for the orders of `store`. The relay keeps its place in
    /// `progress`, which all shops on one log must share.
    ///
    /// # Errors
    /// When the log or Redis cannot be reached.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing open.
    pub async fn connect(
        url: &str,
        store: &Store,
        progress: impl CheckpointStore + DeadLetterStore,
    ) -> Result<Self> {
        // A topic belongs to one log.
        let namespace = format!("shop-{}", store.head().await?.log);
        let options = TopicOptions::default().with_namespace(namespace).with_partitions(4);
        let topic = RedisTopic::connect(url, "orders", options).await?;
        let orders = Interest::category(Category::from_static("order"));
        let relay = Relay::new("shop-orders", store.clone(), progress)
            .publish(orders, topic.clone())
            .with_lease(LEASE);
        Ok(Self { topic, relay, orders: Repository::new(store.clone()) })
    }

    pub(crate) async fn start(self, model: &SqliteReadModel) -> Result<Mails> {
        prepare(model).await?;
        let (orders, writing) = (self.orders, model.clone());
        let mailer = Subscription::to::<OrderEvent>(GROUP).run(move |event| {
            let (orders, model) = (orders.clone(), writing.clone());
            async move { Ok(write(&orders, &model, &event).await?) }
        });
        let consumer = self.topic.competing(mailer).with_lease(LEASE).start().await?;
        Ok(Mails { relay: self.relay.start()?, consumer })
    }
}

/// The relay and the one who writes, at work.
#[derive(Debug)]
pub(crate) struct Mails {
    relay: RunningRelay,
    consumer: RunningConsumer,
}

impl Mails {
    /// How both are.
    pub(crate) async fn health(&self) -> [Check; 2] {
        [self.relay.health(PATIENCE).await, self.consumer.health(PATIENCE).await]
    }

    pub(crate) async fn stop(self, time: Duration) -> Result<()> {
        let consumed = self.consumer.stop(time).await;
        ensure!(self.relay.stop(time).await && consumed, "the bus was not stopped in time");
        Ok(())
    }
}

pub(crate) async fn prepare(model: &SqliteReadModel) -> eventsource::Result<()> {
    let table = "CREATE TABLE IF NOT EXISTS mails (
        event TEXT PRIMARY KEY, customer TEXT NOT NULL, text TEXT NOT NULL
    )";
    model.write(move |db| db.execute_batch(table)).await
}

/// An event may come again: its id is the key, so there is one mail about it. Which customer
/// it is for, and what was ordered, the order knows, whoever of several shops writes the mail.
async fn write(
    orders: &Repository<Order>,
    model: &SqliteReadModel,
    event: &Recorded<OrderEvent>,
) -> eventsource::Result<()> {
    let order = orders.load(event.stream.key()).await?;
    let what = order.lines.iter().map(|line| format!("{} {}", line.quantity, line.sku));
    let what = what.collect::<Vec<_>>().join(", ");
    let text = match &event.event {
        OrderEvent::Placed { .. } => format!("thank you for your order: {what}"),
        OrderEvent::Paid { reference } => format!("your order is paid by {reference}: {what}"),
        OrderEvent::Cancelled { reason } => format!("your order is cancelled: {reason}"),
    };
    let (event, customer) = (event.id.to_string(), order.customer.clone());
    let insert = "INSERT OR IGNORE INTO mails VALUES (?1, ?2, ?3)";
    model.write(move |db| db.execute(insert, (event, customer, text)).map(drop)).await
}

/// A mail that this shop has written.
#[derive(Serialize)]
pub(crate) struct Mail {
    to: String,
    text: String,
}

/// `GET /mails`, the newest first, 20 at most; none where there is no bus.
pub(crate) async fn list(State(shop): State<Shop>) -> Result<Json<Vec<Mail>>, Problem> {
    let rows = shop.model.read(|db| {
        let select = "SELECT customer, text FROM mails ORDER BY rowid DESC LIMIT 20";
        let mut select = db.prepare_cached(select)?;
        let rows = select.query_map([], |row| Ok(Mail { to: row.get(0)?, text: row.get(1)? }))?;
        rows.collect::<Result<Vec<_>, _>>()
    });
    Ok(Json(rows.await?))
}
