//! A value that serde cannot write.

struct Money(u64);

#[derive(es_core::Event)]
struct Deposited {
    amount: Money,
}

fn main() {}
