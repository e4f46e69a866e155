//! From events to two read models.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use eventsource::{
    BoxError, Rebuild,
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

/// Two tables for each version, so that both can be there at once.
const ORDERS: [Table<String, Order>; 2] = [Table::new("orders-1"), Table::new("orders-2")];
const PAID: [Table<String, u64>; 2] = [Table::new("paid-1"), Table::new("paid-2")];
/// Which of them readers look at.
const SERVING: Table<&'static str, u32> = Table::new("serving");

/// Whether the program was repaired: at first it fails on cancellations.
pub(crate) static REPAIRED: AtomicBool = AtomicBool::new(false);

/// Version `V` of the order lists.
pub(crate) struct OrderLists<const V: u32>;

impl<const V: u32> Projection for OrderLists<V> {
    const NAME: &'static str = "order-lists";
    const VERSION: u32 = V;
    type Event = OrderEvent;
    type Tx = MemoryTx;

    async fn apply(&self, event: &Recorded<OrderEvent>, tx: &mut MemoryTx) -> Result<(), BoxError> {
        let (orders, paid) = (&ORDERS[V as usize - 1], &PAID[V as usize - 1]);
        let id = event.stream.key().to_string();
        let known = tx.get(orders, &id)?.ok_or("an order that was never placed");
        let (order, status) = match &event.event {
            OrderEvent::Placed { customer, cents } => {
                let (customer, cents) = (customer.clone(), *cents);
                (Order { customer, cents, status: "" }, "placed")
            }
            OrderEvent::Paid => (known?, "paid"),
            OrderEvent::Cancelled { .. } if !REPAIRED.load(Relaxed) => {
                return Err("cancelled? never!".into());
            }
            OrderEvent::Cancelled { .. } => (known?, "cancelled"),
        };
        let now = if status == "paid" { order.cents } else { 0 };
        tx.update(paid, order.customer.clone(), |sum| Some(sum.unwrap_or(0) + now))?;
        tx.put(orders, id, Order { status, ..order })?;
        Ok(())
    }
}

impl<const V: u32> Rebuild for OrderLists<V> {
    async fn swap(&self, tx: &mut MemoryTx) -> Result<(), BoxError> {
        tx.put(&SERVING, Self::NAME, V)?;
        Ok(())
    }
}

/// The tables as readers see them: orders by number, what was paid by customer.
pub(crate) fn serving(model: &MemoryReadModel) -> eventsource::Result<Tables> {
    let version = model.get(&SERVING, &OrderLists::<1>::NAME)?.unwrap_or(1) as usize;
    Ok((model.rows(&ORDERS[version - 1])?, model.rows(&PAID[version - 1])?))
}

type Tables = (Vec<(String, Order)>, Vec<(String, u64)>);
