use es_aggregate::{Aggregate, Apply, apply};
use es_core::Event;

#[derive(Event)]
struct ItemAdded {
    sku: String,
}

#[derive(Event)]
struct CheckedOut;

#[derive(Event)]
#[event(transparent)]
enum CartEvent {
    ItemAdded(ItemAdded),
    CheckedOut(CheckedOut),
}

#[derive(Default)]
struct Cart {
    items: usize,
}

impl Apply<ItemAdded> for Cart {
    fn apply(&mut self, _: &ItemAdded) {
        self.items += 1;
    }
}

impl Aggregate for Cart {
    const CATEGORY: &'static str = "cart";
    type Event = CartEvent;

    fn evolve(&mut self, event: &CartEvent) {
        apply(self, event);
    }
}

fn main() {}
