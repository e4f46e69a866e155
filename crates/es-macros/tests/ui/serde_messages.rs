//! What serde and the compiler say about attributes of serde that are carried.

use es_core::Event;

#[derive(Event)]
struct Renamed {
    #[serde(renamed = "title")]
    name: String,
    #[serde(with = "nowhere")]
    other: String,
}

#[derive(Event)]
#[serde(default)]
struct NoDefault {
    name: String,
}

fn main() {}
