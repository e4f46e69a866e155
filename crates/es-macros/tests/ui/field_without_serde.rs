//! Values that serde cannot write.

use es_core::Event;

struct Money(u64);

#[derive(Event)]
enum AccountEvent {
    Deposited { amount: Money },
    Held(Money),
}

#[derive(Event)]
struct Deposited {
    amount: Money,
}

fn main() {}
