//! What derive(Event) writes: one binary, one module for each promise.

// What a strict user's crate may demand of the output.
#![forbid(unsafe_code)]
#![deny(warnings, dead_code, unused_qualifications, clippy::pedantic)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::items_after_statements,
    clippy::needless_pass_by_value,
    clippy::trivially_copy_pass_by_ref,
    reason = "in the tests' own code; the output is not silenced by it"
)]

// What `EventFacade` expects of a crate named `eventsource`; this binary plays that part.
extern crate self as eventsource;
#[doc(hidden)]
pub mod __private {
    pub use es_core as core;
}

mod append;
mod decoding;
mod dispatch;
mod hygiene;
mod messages;
mod names;
mod paths;
mod payloads;
mod serde_attributes;
mod shapes;
mod tags;
mod transparent;

use std::fmt::Debug;

use es_core::{ContentType, Event, Payload, Schema};

/// The payload of an event, as text.
fn json(event: &impl Event) -> String {
    let payload = event.encode().unwrap();
    assert_eq!(*payload.content_type(), ContentType::JSON);
    String::from_utf8(payload.bytes().to_vec()).unwrap()
}

/// Writes an event, compares the payload with `expected` and reads it back.
#[track_caller]
fn round_trip<E: Event + PartialEq + Debug>(event: E, expected: &str) {
    assert_eq!(json(&event), expected);
    assert!(E::SCHEMAS.contains(event.schema()));
    let payload = event.encode().unwrap();
    assert_eq!(E::decode(event.schema(), &payload).unwrap(), event);
}

/// Reads a payload under the name and the version given.
fn decode<E: Event>(name: &'static str, version: u32, json: &str) -> es_core::Result<E> {
    let payload = Payload::new(ContentType::JSON, json.to_owned())?;
    E::decode(&Schema::from_static(name, version), &payload)
}

/// The names and versions of a type.
fn schemas<E: Event>() -> Vec<(&'static str, u32)> {
    let each = E::SCHEMAS.iter();
    each.map(|schema| (schema.name.as_str(), schema.version)).collect()
}
