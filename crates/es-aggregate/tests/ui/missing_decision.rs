use es_aggregate::{Aggregate, Repository};
use es_core::Event;

#[derive(Event)]
enum CartEvent {
    CheckedOut,
}

#[derive(Default)]
struct Cart;

impl Aggregate for Cart {
    const CATEGORY: &'static str = "cart";
    type Event = CartEvent;

    fn evolve(&mut self, _: &CartEvent) {}
}

struct CheckOut;

async fn check_out(carts: Repository<Cart>) {
    let _ = carts.execute("c1", &CheckOut).await;
}

fn main() {}
