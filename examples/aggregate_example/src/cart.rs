//! The domain in the declarative style: each event is a struct, and the cart has one
//! handler per event. Take a handler away and the program no longer compiles.

use std::collections::BTreeMap;

use eventsource::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Debug, Event)]
#[event(prefix = "cart")]
pub(crate) struct ItemAdded {
    pub(crate) sku: String,
    pub(crate) quantity: u32,
    pub(crate) unit_cents: u64,
}

#[derive(Debug, Event)]
#[event(prefix = "cart")]
pub(crate) struct ItemRemoved {
    pub(crate) sku: String,
}

#[derive(Debug, Event)]
#[event(prefix = "cart")]
pub(crate) struct CheckedOut {
    pub(crate) total_cents: u64,
}

/// All of them. `transparent`: each variant is stored as the struct that it holds.
#[derive(Debug, Event)]
#[event(transparent)]
pub(crate) enum CartEvent {
    ItemAdded(ItemAdded),
    ItemRemoved(ItemRemoved),
    CheckedOut(CheckedOut),
}

/// The state. It is serialisable because snapshots of it are kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Cart {
    lines: BTreeMap<String, (u32, u64)>,
    checked_out: bool,
}

impl Aggregate for Cart {
    const CATEGORY: &'static str = "cart";
    type Event = CartEvent;

    fn evolve(&mut self, event: &CartEvent) {
        apply(self, event);
    }
}

impl Apply<ItemAdded> for Cart {
    fn apply(&mut self, event: &ItemAdded) {
        let line = self.lines.entry(event.sku.clone()).or_insert((0, event.unit_cents));
        line.0 += event.quantity;
        line.1 = event.unit_cents;
    }
}

impl Apply<ItemRemoved> for Cart {
    fn apply(&mut self, event: &ItemRemoved) {
        self.lines.remove(&event.sku);
    }
}

impl Apply<CheckedOut> for Cart {
    fn apply(&mut self, _: &CheckedOut) {
        self.checked_out = true;
    }
}

#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the cart is checked out already")]
    CheckedOut,
    #[error("the cart is empty")]
    Empty,
}

impl Cart {
    pub(crate) fn lines(&self) -> usize {
        self.lines.len()
    }

    pub(crate) fn total_cents(&self) -> u64 {
        self.lines.values().map(|(quantity, cents)| u64::from(*quantity) * cents).sum()
    }
}

impl Decide<ItemAdded> for Cart {
    type Error = Refused;

    fn decide(&self, wanted: &ItemAdded) -> Result<Vec<CartEvent>, Refused> {
        let ItemAdded { sku, quantity, unit_cents } = wanted;
        match (self.checked_out, quantity) {
            (true, _) => Err(Refused::CheckedOut),
            (false, 0) => Ok(vec![]), // nothing happens, so nothing is written
            (false, &quantity) => Ok(vec![CartEvent::ItemAdded(ItemAdded {
                sku: sku.clone(),
                quantity,
                unit_cents: *unit_cents,
            })]),
        }
    }
}

/// A command: buy what is in the cart.
pub(crate) struct CheckOut;

impl Decide<CheckOut> for Cart {
    type Error = Refused;

    fn decide(&self, _: &CheckOut) -> Result<Vec<CartEvent>, Refused> {
        match (self.checked_out, self.lines.is_empty()) {
            (true, _) => Err(Refused::CheckedOut),
            (false, true) => Err(Refused::Empty),
            (false, false) => {
                Ok(vec![CartEvent::CheckedOut(CheckedOut { total_cents: self.total_cents() })])
            }
        }
    }
}
