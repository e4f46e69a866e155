//! Keys that belong elsewhere.

use es_core::Event;

#[derive(Event)]
#[event(name = "account")]
enum AccountEvent {
    #[event(prefix = "account")]
    Opened {
        #[event(name = "holder")]
        owner: String,
    },
    #[event(tag)]
    Closed,
}

#[derive(Event)]
#[event(transparent)]
struct Opened {
    #[event(version = 2)]
    owner: String,
}

#[derive(Event)]
#[event(prefix = "account", name = "account.closed")]
struct Closed;

fn main() {}
