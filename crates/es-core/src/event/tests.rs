//! Payloads that keep what they were given, metadata that survives its written form, tags,
//! ids, and what is read back.

mod labels;
mod metadata;
mod payload;
mod recorded;

use super::*;
use crate::{Error, Position, Result, StreamId, Tenant, Timestamp, Version};
use uuid::Uuid;

#[derive(Debug, PartialEq)]
struct Counted(u32);

impl Event for Counted {
    const SCHEMAS: &'static [Schema] = &[Schema::from_static("counted", 1)];

    fn schema(&self) -> &'static Schema {
        &Self::SCHEMAS[0]
    }

    fn encode(&self) -> Result<Payload> {
        Payload::json(&self.0)
    }

    fn decode(schema: &Schema, payload: &Payload) -> Result<Self> {
        if *schema != Self::SCHEMAS[0] {
            return Err(Error::unknown_event(schema, Self::SCHEMAS));
        }
        payload.to_json().map(Self).map_err(|error| Error::undecodable(schema, error))
    }
}

fn full_metadata() -> Metadata {
    Metadata::new()
        .with_correlation_id(Uuid::from_u128(1))
        .with_causation_id(Uuid::from_u128(2))
        .with_actor("alice")
        .with_tenant(Tenant::new("acme").unwrap())
        .with_trace("00-theirs", Some("k=v"))
        .with_occurred_at(Timestamp::from_micros(1_700_000_000_123_456))
        .with_extra("ip", "192.0.2.7")
        .with_extra("n", 1)
}

fn recorded(metadata: Metadata) -> Recorded {
    envelope(NewEvent::of(&Counted(1)).unwrap().with_metadata(metadata)).into()
}

fn envelope(event: NewEvent) -> Envelope {
    let stream = StreamId::new("counter", "c").unwrap();
    Envelope::record(event, stream, Version::FIRST, Position::new(42), Timestamp::EPOCH)
}
