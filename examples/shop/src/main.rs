//! A shop over HTTP. Without `--listen` it is shown to itself, and ends.

use std::{env, net::SocketAddr, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use eventsource::{PostgresReadModel, SqliteReadModel, Store};
use serde_json::json;
use shop_service::{
    Bus, Service,
    client::{Feed, send},
};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "shop [--store URL] [--views FILE] [--bus URL] [--listen ADDRESS]";
/// How long the shop takes to answer what it has in hand when it ends.
const LAST_WORDS: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let in_folder = |name: &str| folder.path().join(name).display().to_string();
    let mut url = format!("sqlite:{}", in_folder("shop.db"));
    let (mut views, mut listen) = (in_folder("views.db"), None);
    // `cargo xtask examples` brings one up.
    let mut bus = env::var("ES_TEST_REDIS_URL").ok();
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().context(USAGE);
        match word.as_str() {
            "--store" => url = value()?,
            "--views" => views = value()?,
            "--bus" => bus = Some(value()?),
            "--listen" => listen = Some(value()?),
            other => bail!("{USAGE}, without {other}"),
        }
    }

    let store = eventsource::open(&url).await?;
    println!("orders are kept in {store}; an append {}", store.durability().await?);
    let model = SqliteReadModel::open(&views).await?;
    let address = listen.clone().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let has_bus = bus.is_some();
    let bus = match bus {
        Some(redis) => Some(connect(&redis, &url, &store, &model).await?),
        None => None,
    };
    let service = Service::start(store, model, bus, &address).await?;
    println!("the shop is open at http://{}/", service.address());
    match listen {
        Some(_) => until_told_to_end().await?,
        None => demonstrate(service.address(), has_bus).await?,
    }
    service.stop(LAST_WORDS).await?;
    println!("the shop is closed");
    Ok(())
}

/// The bus, whose relay keeps its place beside the log: all shops on one log share it.
async fn connect(redis: &str, log: &str, store: &Store, model: &SqliteReadModel) -> Result<Bus> {
    if log.starts_with("postgres") {
        return Bus::connect(redis, store, PostgresReadModel::open(log).await?).await;
    }
    Bus::connect(redis, store, model.clone()).await
}

/// Waits for Ctrl-C, or for what `kill` and containers send.
async fn until_told_to_end() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// What a customer, a till and a kitchen display would do.
async fn demonstrate(shop: SocketAddr, has_bus: bool) -> Result<()> {
    let mut feed = Feed::open(shop, None).await?;

    let order =
        json!({ "customer": "Ada", "lines": [{ "sku": "book", "quantity": 2, "cents": 1_200 }] });
    let key = ("idempotency-key", &*uuid::Uuid::now_v7().to_string());
    let placed = send(shop, "POST", "/orders", &[key], Some(&order)).await?;
    let place = placed.header("location").to_owned();
    println!("\nPOST /orders: {}, ETag {}", placed.status, placed.header("etag"));
    ensure!(placed.status == 201 && placed.header("etag") == "\"1\"");

    let again = send(shop, "POST", "/orders", &[key], Some(&order)).await?;
    println!("the same again: {}, replayed {}", again.status, again.json()["replayed"]);
    ensure!(again.header("location") == place, "the same key is the same order");

    // Reading what was just written.
    let position = ("shop-position", placed.header("shop-position"));
    let list = send(shop, "GET", "/orders?status=placed", &[position], None).await?;
    println!("GET /orders: {}", list.body);
    ensure!(
        list.json().as_array().is_some_and(|rows| !rows.is_empty()),
        "one's own order is there"
    );

    let seen = ("if-match", placed.header("etag"));
    let payment = json!({ "reference": "till-1" });
    let paid = send(shop, "POST", &format!("{place}/payment"), &[seen], Some(&payment)).await?;
    println!("paid: {}, ETag {}", paid.status, paid.header("etag"));
    ensure!(paid.status == 200);

    let reason = json!({ "reason": "changed my mind" });
    let late = send(shop, "POST", &format!("{place}/cancellation"), &[seen], Some(&reason)).await?;
    println!("cancelled on version 1: {} {}", late.status, late.body);
    ensure!(
        late.status == 412 && late.header("etag") == "\"2\"",
        "the order has changed meanwhile"
    );

    for status in ["placed", "paid"] {
        let message = feed.next().await?.context("the feed goes on")?;
        println!("feed, at position {}: {}", message.id, message.data);
        ensure!(message.data["status"] == status);
    }
    if has_bus {
        println!("mails, by way of Redis: {}", mails(shop).await?);
    }
    println!("health: {}\n", send(shop, "GET", "/health", &[], None).await?.body);
    Ok(())
}

/// Waits for the mails about the order, which take their own way.
async fn mails(shop: SocketAddr) -> Result<String> {
    for _ in 0..600 {
        let mails = send(shop, "GET", "/mails", &[], None).await?.body;
        if mails.contains("thank you") && mails.contains("till-1") {
            return Ok(mails);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the mails did not come")
}
