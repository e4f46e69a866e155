//! The events of orders. A projection needs no aggregate, only events.

use eventsource::{Receipt, prelude::*};

#[derive(Clone, Debug, Event)]
#[event(prefix = "order")]
pub(crate) enum OrderEvent {
    Placed { customer: String, cents: u64 },
    Paid,
    Cancelled { reason: String },
}

/// Appends a small, repeatable history: `orders` orders, numbered from `first`. Says
/// where the last one is.
pub(crate) async fn take_orders(
    store: &Store,
    first: u64,
    orders: u64,
) -> eventsource::Result<Option<Receipt>> {
    let mut last = None;
    for number in first..first + orders {
        let customer =
            ["Ada", "Barbara", "Edsger", "Grace"][usize::try_from(number % 4).unwrap_or(0)];
        let placed = OrderEvent::Placed { customer: customer.to_owned(), cents: 10 * number };
        let order = Append::to(stream(number)?, ExpectedVersion::NoStream).event(placed);
        let order = match number % 5 {
            0 => order.event(OrderEvent::Cancelled { reason: "out of stock".to_owned() }),
            4 => order,
            _ => order.event(OrderEvent::Paid),
        };
        last = Some(store.append(order).await?);
    }
    Ok(last)
}

pub(crate) fn stream(number: u64) -> eventsource::Result<StreamId> {
    StreamId::new("order", format_args!("{number:04}"))
}
