//! Read models of a shop's orders: catch-up, a restart, a parked event, reading one's own
//! writes, and a rebuild beside the version that serves.

mod orders;
mod projection;

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use anyhow::{Context, ensure};
use eventsource::{Rebuilding, memory::MemoryReadModel, prelude::*};
use orders::take_orders;
use projection::{OrderLists, REPAIRED, serving};

const SOON: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = format!("sqlite:{}", folder.path().join("log.db").display());
    let url = std::env::args().skip_while(|arg| arg != "--store").nth(1);
    let store = eventsource::open(&url.unwrap_or(file)).await?;
    // A tenant of its own, so that the example sees no other run in a store that keeps.
    let tenant = Tenant::new(format!("shop-{}", EventId::new()))?;
    let store = store.for_tenant(tenant);
    let model = MemoryReadModel::new();
    let runner = || Runner::new(store.clone()).project(OrderLists::<1>, model.clone());

    take_orders(&store, 1, 300).await?;
    let first = runner().catch_up().await?;
    let all = store.read(Read::all()).into_vec().await?.len() as u64;
    println!("Caught up: {} events handled, {} parked.", first[0].handled, first[0].parked);
    ensure!(first[0].handled + first[0].parked == all, "each event is handled or parked");

    take_orders(&store, 301, 60).await?;
    let again = runner().catch_up().await?;
    println!("Restarted from the checkpoint: {} more events.", again[0].handled);

    // Live, and reading what was just written.
    let running = runner().start()?;
    let receipt = take_orders(&store, 361, 1).await?.context("one order was taken")?;
    running.wait_for("order-lists", &receipt, SOON).await?;
    let (orders, _) = serving(&model)?;
    ensure!(orders.iter().any(|(id, order)| id == "0361" && order.status == "paid"));
    println!("Order 0361 was placed, paid, and is in the list.");

    // Cancellations fail; only their orders wait, until the handler is repaired.
    let letters = running.dead_letters("order-lists", Position::START, 1_000).await?;
    let cause = letters[0].cause.as_deref().unwrap_or_default();
    println!("{} events are parked, the first because of: {cause}", letters.len());
    println!("The status is {}.", running.status("order-lists").await?.health);
    REPAIRED.store(true, Relaxed);
    let retried = running.retry_parked("order-lists", None).await?;
    println!("Repaired and retried: {} handled.", retried.handled);
    ensure!(retried.still_parked == 0, "nothing waits any more");
    let before = serving(&model)?;

    // A second version is built beside the first, which serves meanwhile.
    println!("\nRebuilding as version 2:");
    let mut rebuilding = Rebuilding::new(store.clone(), OrderLists::<2>, model.clone());
    let mut watch = rebuilding.watch().context("there is something to watch")?;
    let bar = tokio::spawn(async move {
        while watch.changed().await {
            let progress = watch.progress();
            let done = progress.position.get() * 30 / progress.head.get().max(1);
            let bar = "#".repeat(usize::try_from(done).unwrap_or(0));
            println!("  [{bar:<30}] {}", progress.position);
        }
    });
    let rebuilt = rebuilding.run().await?;
    drop(rebuilding);
    bar.await?;
    ensure!(serving(&model)? == before, "the same events make the same rows");
    println!("Version 2 serves: {} events, none parked.", rebuilt.handled);
    running.stop(SOON).await;
    show(&model)
}

fn show(model: &MemoryReadModel) -> anyhow::Result<()> {
    let (orders, paid) = serving(model)?;
    println!("\n{} orders. Paid cents by customer:", orders.len());
    for (name, cents) in &paid {
        println!("{name:<10} {cents:>12}");
    }
    let sum: u64 = orders.iter().filter(|(_, o)| o.status == "paid").map(|(_, o)| o.cents).sum();
    ensure!(sum == paid.iter().map(|(_, cents)| cents).sum::<u64>(), "both tables must agree");
    Ok(())
}
