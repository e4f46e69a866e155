//! Two read models of a shop's orders: catch-up, restart from the checkpoint, a fenced
//! worker, rebuild beside the old one.

mod orders;
mod projection;

use anyhow::{Context, ensure};
use eventsource::{
    CheckpointStore, ErrorKind, Progress, ReadModel, SubscriberName, memory::MemoryReadModel,
    prelude::*,
};
use orders::take_orders;
use projection::{CUSTOMERS, ORDERS, catch_up};

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

    take_orders(&store, 1, 300).await?;
    let events = catch_up(&store, &model, "worker-1", Some(200)).await?;
    println!("Caught up with {events} events, and then the worker was stopped.");
    let name = SubscriberName::new("order-lists")?;
    let left = model.checkpoint(&name).await?.context("it was claimed")?;
    println!("Its checkpoint: position {}, epoch {}.", left.position, left.epoch);

    take_orders(&store, 301, 60).await?;
    let rest = catch_up(&store, &model, "worker-2", None).await?;
    println!("\nRestarted from the checkpoint: {rest} more events, none of them twice.");
    let all = store.read(Read::all()).into_vec().await?.len();
    ensure!(events + rest == all, "{events} and {rest} events must be all {all}");

    // The first worker was only paused and comes back.
    let late = model.commit(model.begin().await?, &Progress::from(&left, left.position)).await;
    let late = late.err().context("a fenced worker must not commit")?;
    ensure!(late.kind() == ErrorKind::Fenced);
    println!("The first worker came back and was told: {late}.");

    show(&model)?;

    let rebuilt = MemoryReadModel::new();
    let events = catch_up(&store, &rebuilt, "worker-3", None).await?;
    ensure!(rebuilt.rows(&ORDERS)? == model.rows(&ORDERS)?);
    ensure!(rebuilt.rows(&CUSTOMERS)? == model.rows(&CUSTOMERS)?);
    println!("\nRebuilt beside the old one from {events} events: the rows are the same.");
    Ok(())
}

fn show(model: &MemoryReadModel) -> anyhow::Result<()> {
    println!("\n{:<10} {:>7} {:>12}", "customer", "orders", "paid cents");
    for (name, customer) in model.rows(&CUSTOMERS)? {
        println!("{name:<10} {:>7} {:>12}", customer.orders, customer.paid_cents);
    }
    println!("\nThe last of {} orders:", model.len(&ORDERS)?);
    for (id, order) in model.rows(&ORDERS)?.iter().rev().take(5).rev() {
        println!("  {id} {:<7} {:>5} cents, {}", order.customer, order.cents, order.status);
    }
    let orders: u64 = model.rows(&CUSTOMERS)?.iter().map(|(_, customer)| customer.orders).sum();
    ensure!(orders == model.len(&ORDERS)? as u64, "both tables must tell of the same orders");
    Ok(())
}
