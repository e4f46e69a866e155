//! Structs whose fields have no names.

use es_core::Event;

#[derive(Event)]
struct Moved(String, u64);

#[derive(Event)]
struct Renamed(String);

fn main() {}
