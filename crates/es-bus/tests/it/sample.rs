//! Events to publish, and what handlers have seen.

use std::sync::{Arc, Mutex};

use es_core::{
    BoxError, Envelope, Event, EventId, EventType, NewEvent, Payload, Position, Recorded, Schema,
    StreamId, Timestamp, Version,
};

/// What happens to an order.
#[derive(Clone, Debug, Event, PartialEq)]
pub(crate) enum OrderEvent {
    Placed { cents: u64 },
    Paid,
}

/// The event of an order, as if the log had recorded it at `position`.
pub(crate) fn recorded(stream: &str, position: u64, event: &OrderEvent) -> Recorded {
    record(NewEvent::of(event).unwrap(), stream, position)
}

pub(crate) fn placed(stream: &str, position: u64) -> Recorded {
    recorded(stream, position, &OrderEvent::Placed { cents: position })
}

/// An event whose type is known and whose payload is not what it should be.
pub(crate) fn undecodable(stream: &str, position: u64) -> Recorded {
    let schema = OrderEvent::SCHEMAS[0].clone();
    record(NewEvent::raw(schema, Payload::json(&"nonsense").unwrap()), stream, position)
}

pub(crate) fn unknown(stream: &str, position: u64) -> Recorded {
    let schema = Schema::new(EventType::new("order.refunded").unwrap(), 1);
    record(NewEvent::raw(schema, Payload::json(&1).unwrap()), stream, position)
}

fn record(event: NewEvent, stream: &str, position: u64) -> Recorded {
    let stream = StreamId::new("order", stream).unwrap();
    let (version, position) = (Version::new(position).unwrap(), Position::new(position));
    Envelope::record(event, stream, version, position, Timestamp::now()).into()
}

/// The positions that handlers have seen, in order.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<u64>>>);

impl Seen {
    pub(crate) fn note<E>(&self, event: &Recorded<E>) -> Result<(), BoxError> {
        self.0.lock().unwrap().push(event.position.get());
        Ok(())
    }

    pub(crate) fn all(&self) -> Vec<u64> {
        self.0.lock().unwrap().clone()
    }
}

pub(crate) fn ids(events: &[Recorded]) -> Vec<EventId> {
    events.iter().map(|event| event.id).collect()
}
