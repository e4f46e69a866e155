//! Keys that are given twice.

use es_core::Event;

#[derive(Event)]
#[event(prefix = "a", prefix = "b")]
enum AccountEvent {
    #[event(version = 1)]
    #[event(version = 2)]
    Opened {
        #[event(tag, tag = "owner")]
        owner: String,
    },
}

#[derive(Event)]
#[event(name = "a", name = "a")]
struct Opened;

fn main() {}
