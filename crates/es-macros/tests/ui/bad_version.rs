//! Versions that are none.

#[derive(es_core::Event)]
enum AccountEvent {
    #[event(version = 0)]
    Zero,
    #[event(version = 4294967296)]
    Large,
    #[event(version = "2")]
    Text,
    #[event(version = -1)]
    Negative,
    #[event(version)]
    Missing,
}

fn main() {}
