//! A shopping cart: snapshots make loading cheap, and the past stays within reach.

mod cart;
#[cfg(test)]
mod tests;

use anyhow::{Context, ensure};
use cart::{Cart, CartEvent, CheckOut, ItemAdded, ItemRemoved, Refused};
use eventsource::{SnapshotPolicy, memory::MemorySnapshotStore, prelude::*};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = format!("sqlite:{}", folder.path().join("log.db").display());
    let url = std::env::args().skip_while(|arg| arg != "--store").nth(1);
    let store = eventsource::open(&url.unwrap_or(file)).await?;
    let snapshots = MemorySnapshotStore::new();
    let carts = Repository::<Cart>::new(store.clone())
        .with_snapshots(snapshots.clone(), SnapshotPolicy::every(20)?)
        .with_cache(1_000)?;
    let id = format!("cart-{}", EventId::new());

    for number in 1..=50_u32 {
        let sku = format!("book-{}", number % 7);
        carts.execute(&id, &ItemAdded { sku, quantity: 1, unit_cents: 1_200 }).await?;
    }
    let nothing = ItemAdded { sku: "pen".into(), quantity: 0, unit_cents: 1_00 };
    let saved = carts.execute(&id, &nothing).await?;
    ensure!(saved.events.is_empty() && saved.receipt.is_none());
    println!("50 items were added; adding 0 pens wrote nothing.");

    // Another repository, without the cache: it folds from the newest snapshot.
    let reader = Repository::<Cart>::new(store.clone())
        .with_snapshots(snapshots.clone(), SnapshotPolicy::on_demand());
    let cart = reader.load(&id).await?;
    println!("Snapshots were taken when versions 20 and 40 were crossed; they are in {snapshots}.");
    println!("Loaded: {} lines, {} cents.", cart.lines(), cart.total_cents());
    ensure!((cart.lines(), cart.total_cents()) == (7, 60_000));

    // The imperative style works on the same aggregate.
    let mut cart = cart;
    cart.record(CartEvent::ItemRemoved(ItemRemoved { sku: "book-0".into() }));
    let removed = carts.save(&mut cart).await?;
    println!("One line was removed: {} cents.", cart.total_cents());

    carts.execute(&id, &CheckOut).await?;
    let refused = carts.execute(&id, &CheckOut).await.err().context("twice must be refused")?;
    ensure!(refused.rejected() == Some(&Refused::CheckedOut));
    println!("Checked out; a second time was refused: {}.", Refused::CheckedOut);

    println!("\nTime travel:");
    for version in [1, 10, 50, 51] {
        let then = reader.load_at(&id, Version::new(version)?).await?;
        println!("  version {version:>2}: {} lines, {} cents", then.lines(), then.total_cents());
    }
    let when = removed.receipt.context("it was written")?.recorded_at;
    let then = reader.load_at(&id, when).await?;
    println!("  at {when}: {} lines, {} cents", then.lines(), then.total_cents());
    ensure!(reader.load_at(&id, Version::new(10)?).await?.total_cents() == 12_000);
    ensure!(reader.load_at(&id, Version::new(99)?).await.is_err(), "there is no version 99");
    Ok(())
}
