//! What a transparent variant takes from the event that it holds.

use es_core::Event;

#[derive(Event)]
struct Opened {
    owner: String,
}

#[derive(Event)]
enum AccountEvent {
    #[event(transparent, name = "account.opened", version = 2)]
    Opened(Opened),
    #[event(transparent)]
    Tagged(#[event(tag = "owner")] Opened),
    #[event(transparent)]
    Written(#[serde(default)] Opened),
}

fn main() {}
