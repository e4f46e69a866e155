//! `transparent` on what holds no event.

use es_core::Event;

#[derive(Event)]
enum AccountEvent {
    #[event(transparent)]
    Opened { owner: String },
    #[event(transparent)]
    Closed,
}

#[derive(Event)]
#[event(transparent)]
enum CartEvent {
    Cleared,
}

fn main() {}
