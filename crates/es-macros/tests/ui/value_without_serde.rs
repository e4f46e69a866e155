//! A newtype variant whose value serde cannot write: an event, perhaps, that should have
//! been transparent.

use es_core::Event;

#[derive(Event)]
struct Opened {
    owner: String,
}

#[derive(Event)]
enum AccountEvent {
    Opened(Opened),
}

fn main() {}
