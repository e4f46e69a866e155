//! Names that no store would take.

use es_core::Event;

#[derive(Event)]
enum AccountEvent {
    #[event(name = "account deposited")]
    Spaced,
    #[event(name = "account:deposited")]
    Reserved,
    #[event(name = "-deposited")]
    First,
    #[event(name = "")]
    Empty,
    #[event(
        name = "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
    )]
    Long,
    Tagged {
        #[event(tag = "a b")]
        spaced: u8,
        #[event(tag = "")]
        empty: u8,
    },
}

#[derive(Event)]
#[event(prefix = "account.")]
struct Dotted;

#[derive(Event)]
#[event(prefix = "my account")]
enum Prefixed {
    Opened,
    Closed,
}

#[derive(Event)]
struct VeryVeryVeryVeryVeryVeryVeryVeryVeryVeryVeryVeryVeryVeryVeryVeryVeryVeryVeryVeryVeryVeryVeryVeryVeryVeryLong;

fn main() {}
