//! A shop, and two programs that hear of its orders over Redis: one writes e-mails, one keeps
//! the stock. The second is killed by its third order, and starts again.
//!
//! This program starts itself as the other two: `notifications email`, `notifications stock`.

mod workers;

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context, ensure};
use eventsource::{
    Category, Interest, RedisTopic, TopicOptions,
    prelude::*,
    sqlite::{SqliteReadModel, rusqlite::Connection},
};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};

#[derive(Debug, Event, Serialize, Deserialize)]
#[event(prefix = "order")]
enum OrderEvent {
    Placed { email: String, pieces: u32 },
}

const ORDERS: u32 = 12;
const IN_STOCK: u32 = 100;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let namespace = std::env::var("NOTIFICATIONS").unwrap_or_default();
    match std::env::args().nth(1).as_deref() {
        Some("email") => workers::email(&namespace).await,
        Some("stock") => workers::stock(&namespace).await,
        _ => shop().await,
    }
}

/// The topic that the processes share.
async fn topic(namespace: &str) -> anyhow::Result<RedisTopic> {
    let url = std::env::var("ES_TEST_REDIS_URL").context("this example needs a Redis")?;
    let options = TopicOptions::default().with_namespace(namespace).with_partitions(4);
    Ok(RedisTopic::connect(&url, "orders", options).await?)
}

async fn shop() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("shop.db");
    let url = std::env::args().skip_while(|arg| arg != "--store").nth(1);
    let url = url.unwrap_or_else(|| format!("sqlite:{}", file.display()));
    let store = eventsource::open(&url).await?;
    // A name of its own, so that a second run does not meet what the first has left.
    let namespace = format!("notifications-{}", EventId::new());
    let topic = topic(&namespace).await?;

    // The log is the outbox: what is appended is published, whoever crashes in between.
    let progress = SqliteReadModel::open(folder.path().join("progress.db")).await?;
    let relay = Relay::new("orders", store.clone(), progress)
        .publish(Interest::category(Category::from_static("order")), topic.clone())
        .with_consumed_every(Duration::from_millis(200))
        .start()?;

    let start = |role: &str, dies_at: &str| start(role, &namespace, folder.path(), dies_at);
    let mut email = start("email", "never")?;
    let mut stock = start("stock", "3")?;
    for number in 1..=ORDERS {
        let order = StreamId::new("order", format!("{namespace}-{number}"))?;
        let placed =
            OrderEvent::Placed { email: format!("c{number}@example.org"), pieces: number % 3 + 1 };
        store.append(Append::to(order, ExpectedVersion::NoStream).event(placed)).await?;
    }
    println!("The shop took {ORDERS} orders.");
    let died = tokio::time::timeout(Duration::from_secs(60), stock.wait()).await??;
    println!("The stock program died of its third order ({died}); it is started again.");
    ensure!(!died.success());
    let mut stock = start("stock", "never")?;

    let last = store.head().await?.position;
    tokio::time::timeout(Duration::from_secs(60), relay.published(last)).await??;
    for group in ["email", "stock"] {
        finished(&topic, group).await?;
    }
    let mails = std::fs::read_to_string(folder.path().join("mails.txt"))?;
    let sold: u32 = (1..=ORDERS).map(|number| number % 3 + 1).sum();
    let left: u32 = Connection::open(folder.path().join("stock.db"))?.query_row(
        "SELECT pieces FROM stock",
        [],
        |row| row.get(0),
    )?;
    println!("{} e-mails were written; {left} pieces are left.", mails.lines().count());
    ensure!(
        (1..=ORDERS).all(|n| mails.contains(&format!("c{n}@example.org"))),
        "a mail is missing"
    );
    ensure!(left == IN_STOCK - sold, "{sold} pieces were sold, and {left} are left");

    for child in [&mut email, &mut stock] {
        child.kill().await?;
    }
    for group in ["email", "stock"] {
        topic.remove_group(group).await?;
    }
    Ok(())
}

/// Waits until a group has nothing left to do.
async fn finished(topic: &RedisTopic, group: &str) -> anyhow::Result<()> {
    for _ in 0..600 {
        let status = topic.group(group).await;
        if status.is_ok_and(|s| (s.lag, s.pending, s.waiting) == (0, 0, 0)) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("{group} is not done: {:?}", topic.group(group).await)
}

/// Starts one of the other programs.
fn start(role: &str, namespace: &str, folder: &Path, dies_at: &str) -> anyhow::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(role).env("NOTIFICATIONS", namespace).env("NOTIFICATIONS_FOLDER", folder);
    command.env("NOTIFICATIONS_DIES_AT", dies_at).kill_on_drop(true).stdin(Stdio::null());
    command.spawn().with_context(|| format!("starting {role}"))
}
