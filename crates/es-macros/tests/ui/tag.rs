//! Tags without a name, or without a text.

use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct CustomerId(u32);

#[derive(Event)]
enum OrderEvent {
    Reassigned(#[event(tag)] String),
}

#[derive(Event)]
struct Placed {
    #[event(tag)]
    customer: CustomerId,
    #[event(tag)]
    others: Vec<CustomerId>,
}

fn main() {}
