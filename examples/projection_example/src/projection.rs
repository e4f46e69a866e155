//! From events to two read models, and the loop that keeps them up to date by hand. The
//! projection engine of a later version does this and more: retries, dead letters, leases.

use eventsource::{
    Category, CheckpointStore, Owner, Progress, ReadModel, SubscriberName,
    memory::{MemoryReadModel, MemoryTx, Table},
    prelude::*,
};

use crate::orders::OrderEvent;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Order {
    pub(crate) customer: String,
    pub(crate) cents: u64,
    pub(crate) status: &'static str,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Customer {
    pub(crate) orders: u64,
    pub(crate) paid_cents: u64,
}

pub(crate) const ORDERS: Table<String, Order> = Table::new("orders");
pub(crate) const CUSTOMERS: Table<String, Customer> = Table::new("customers");

/// Takes one event into both tables. It must not keep anything elsewhere: what is not in
/// `tx` would not roll back.
fn apply(event: &Recorded<OrderEvent>, tx: &mut MemoryTx) -> eventsource::Result<()> {
    let id = event.stream.key().as_str().to_owned();
    if let OrderEvent::Placed { customer, cents } = &event.event {
        let (customer, cents) = (customer.clone(), *cents);
        tx.update(&CUSTOMERS, customer.clone(), |row| {
            let row = row.unwrap_or_default();
            Some(Customer { orders: row.orders + 1, ..row })
        })?;
        return tx.put(&ORDERS, id, Order { customer, cents, status: "placed" });
    }
    let Some(order) = tx.get(&ORDERS, &id)? else { return Ok(()) };
    let status = match &event.event {
        OrderEvent::Paid => {
            tx.update(&CUSTOMERS, order.customer.clone(), |row| {
                let row = row.unwrap_or_default();
                Some(Customer { paid_cents: row.paid_cents + order.cents, ..row })
            })?;
            "paid"
        }
        _ => "cancelled",
    };
    tx.put(&ORDERS, id, Order { status, ..order })
}

/// Brings `model` up to the end of the log and returns how many events that took. `stop`
/// ends it early, as a crash would: between two commits.
pub(crate) async fn catch_up(
    store: &Store,
    model: &MemoryReadModel,
    worker: &str,
    stop: Option<usize>,
) -> anyhow::Result<usize> {
    const BATCH: usize = 50;
    let head = store.head().await?;
    // Claiming raises the epoch: an older worker that is still alive can commit no more.
    let name = SubscriberName::new("order-lists")?;
    let checkpoint = model.claim(&name, head.log, &Owner::new(worker)).await?;
    checkpoint.check(head)?;

    let read = Read::category(Category::new("order")?)
        .types::<OrderEvent>()
        .after(checkpoint.position)
        .until(head.position);
    let mut events = store.read_as::<OrderEvent>(read);
    let (mut tx, mut count) = (model.begin().await?, 0);
    while let Some(event) = events.next().await {
        let event = event?;
        apply(&event, &mut tx)?;
        count += 1;
        if count % BATCH == 0 {
            // Rows, checkpoint and fence in one commit: each event takes effect once.
            model.commit(tx, &Progress::from(&checkpoint, event.position)).await?;
            tx = model.begin().await?;
            if stop.is_some_and(|stop| count >= stop) {
                return Ok(count);
            }
        }
    }
    model.commit(tx, &Progress::from(&checkpoint, head.position)).await?;
    Ok(count)
}
