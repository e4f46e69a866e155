//! Keys that do not exist.

use es_core::Event;

#[derive(Event)]
#[event(prefx = "account")]
enum AccountEvent {
    #[event(rename = "account.opened")]
    Opened {
        #[event(index)]
        owner: String,
    },
    #[event]
    Closed,
    #[event = "account.frozen"]
    Frozen,
}

#[derive(Event)]
#[event(my::key = 1)]
struct Opened;

fn main() {}
