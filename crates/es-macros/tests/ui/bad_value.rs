//! Keys with another value than they take.

use es_core::Event;

#[derive(Event)]
#[event(crate = "not a path")]
enum AccountEvent {
    #[event(name)]
    Opened,
    #[event(name = 3)]
    Closed,
    #[event(transparent = true)]
    Held(u8),
    Tagged {
        #[event(tag(owner))]
        owner: String,
    },
}

#[derive(Event)]
#[event(crate = nowhere)]
struct Unquoted;

#[derive(Event)]
#[event(crate = "nowhere::es_core")]
struct Lost;

fn main() {}
