//! An order: what happens to it, and what is refused.

use eventsource::prelude::*;
use serde::{Deserialize, Serialize};

/// What happens to an order.
#[derive(Clone, Debug, PartialEq, Event)]
#[event(prefix = "order")]
pub enum OrderEvent {
    /// A customer has ordered something.
    Placed {
        /// Who.
        customer: String,
        /// What.
        lines: Vec<Line>,
    },
    /// It is paid.
    Paid {
        /// What the bank calls the payment.
        reference: String,
    },
    /// It will not be delivered.
    Cancelled {
        /// Why.
        reason: String,
    },
}

/// So many of one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What it is.
    pub sku: String,
    /// How many.
    pub quantity: u32,
    /// What one of them costs, in cents.
    pub cents: u64,
}

/// The state of an order.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Order {
    /// Who has placed it.
    pub customer: String,
    /// What is in it.
    pub lines: Vec<Line>,
    /// `placed`, `paid` or `cancelled`; empty before it is placed.
    pub status: &'static str,
}

impl Aggregate for Order {
    const CATEGORY: &'static str = "order";
    type Event = OrderEvent;

    fn evolve(&mut self, event: &OrderEvent) {
        match event {
            OrderEvent::Placed { customer, lines } => {
                self.customer.clone_from(customer);
                self.lines.clone_from(lines);
                self.status = "placed";
            }
            OrderEvent::Paid { .. } => self.status = "paid",
            OrderEvent::Cancelled { .. } => self.status = "cancelled",
        }
    }
}

/// A command: place the order.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    customer: String,
    lines: Vec<Line>,
}

/// A command: take note of a payment.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pay {
    reference: String,
}

/// A command: give it up.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cancel {
    reason: String,
}

/// Why a command was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the order has no customer")]
    NoCustomer,
    #[error("the order is empty")]
    Empty,
    #[error("the order costs more than can be counted")]
    TooMuch,
    #[error("the order is {0}")]
    Not(&'static str),
}

/// What the lines cost together, if it can be counted.
pub(crate) fn total(lines: &[Line]) -> Option<u64> {
    lines.iter().try_fold(0_u64, |sum, line| {
        sum.checked_add(line.cents.checked_mul(u64::from(line.quantity))?)
    })
}

impl Decide<Place> for Order {
    type Error = Refused;

    fn decide(&self, command: &Place) -> Result<Vec<OrderEvent>, Refused> {
        let Place { customer, lines } = command;
        match () {
            () if !self.status.is_empty() => Err(Refused::Not(self.status)),
            () if customer.trim().is_empty() => Err(Refused::NoCustomer),
            () if lines.iter().all(|line| line.quantity == 0) => Err(Refused::Empty),
            // A read model in SQLite counts in i64.
            () if total(lines).is_none_or(|total| i64::try_from(total).is_err()) => {
                Err(Refused::TooMuch)
            }
            () => Ok(vec![OrderEvent::Placed { customer: customer.clone(), lines: lines.clone() }]),
        }
    }
}

impl Decide<Pay> for Order {
    type Error = Refused;

    fn decide(&self, command: &Pay) -> Result<Vec<OrderEvent>, Refused> {
        match self.status {
            "placed" => Ok(vec![OrderEvent::Paid { reference: command.reference.clone() }]),
            status => Err(Refused::Not(status)),
        }
    }
}

impl Decide<Cancel> for Order {
    type Error = Refused;

    fn decide(&self, command: &Cancel) -> Result<Vec<OrderEvent>, Refused> {
        match self.status {
            "placed" => Ok(vec![OrderEvent::Cancelled { reason: command.reason.clone() }]),
            status => Err(Refused::Not(status)),
        }
    }
}

#[cfg(test)]
mod tests;
