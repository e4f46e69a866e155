//! Attributes of serde that cannot be kept.

use es_core::Event;

#[derive(Event)]
#[serde(rename_all = "camelCase")]
enum AccountEvent {
    #[serde(rename = "account.opened")]
    Opened { owner_name: String },
    #[serde(with = "codec")]
    Written { owner: String },
    #[serde(default)]
    Defaulted { owner: String },
    #[serde(rename_all = "camelCase")]
    Held(u8),
    #[serde(spelled_wrong)]
    Closed,
}

#[derive(Event)]
#[serde(into = "String", rename = "account.renamed")]
struct Renamed {
    name: String,
}

#[derive(Event)]
#[serde(default(all))]
struct Defaulted {
    name: String,
}

fn main() {}
