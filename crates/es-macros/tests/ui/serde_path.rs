//! Paths in attributes of serde that lead nowhere.

use es_core::Event;

#[derive(Event)]
struct Renamed {
    #[serde(with = "nowhere")]
    name: String,
}

#[derive(Event)]
#[serde(default)]
struct NoDefault {
    name: String,
}

fn main() {}
