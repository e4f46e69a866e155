//! A union.

#[derive(es_core::Event)]
union Either {
    one: u8,
    two: i8,
}

fn main() {}
