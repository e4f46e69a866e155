//! Variants with several values, or with none in parentheses.

#[derive(es_core::Event)]
enum AccountEvent {
    Moved(String, u64),
    Closed(),
}

fn main() {}
