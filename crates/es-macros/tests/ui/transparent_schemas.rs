//! Events in transparent variants that do not fit there.

use es_core::Event;

#[derive(Event)]
enum Many {
    One,
    Two,
}

#[derive(Event)]
#[event(transparent)]
enum Outer {
    Many(Many),
}

#[derive(Event)]
struct Opened;

#[derive(Event)]
#[event(transparent)]
enum Twice {
    First(Opened),
    Second(Opened),
}

#[derive(Event)]
enum Clash {
    #[event(transparent)]
    First(Opened),
    #[event(name = "opened")]
    Second,
}

fn main() {}
