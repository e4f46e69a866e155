//! How an append is to be written, and under which ids.

use std::time::Duration;

use es_core::{Event, EventId, Metadata, NewEvent, Result, StreamId};

/// What the caller said besides the events.
#[derive(Clone, Debug, Default)]
pub(super) struct Terms {
    pub(super) metadata: Metadata,
    pub(super) deadline: Option<Duration>,
    /// The identity of the command, from which those of its events follow.
    pub(super) id: Option<EventId>,
}

impl Terms {
    /// Encodes `events` under new ids, or under those that follow from the command's.
    pub(super) fn encode<E: Event>(
        &self,
        stream: &StreamId,
        events: &[E],
    ) -> Result<Vec<NewEvent>> {
        let Some(command) = self.id else { return events.iter().map(NewEvent::of).collect() };
        let encode =
            |(number, event)| Ok(NewEvent::of(event)?.with_id(derived(command, stream, number)));
        (0..).zip(events).map(encode).collect()
    }

    /// The id of the command's first event, if the command has one.
    pub(super) fn first_id(&self, stream: &StreamId) -> Option<EventId> {
        self.id.map(|command| derived(command, stream, 0))
    }
}

/// The same command may write to several aggregates, so the stream is part of it.
fn derived(command: EventId, stream: &StreamId, number: u32) -> EventId {
    EventId::derived(command.as_uuid(), [stream.to_string(), number.to_string()])
}

/// The ids of events that may have to be sent again. The first has its own place, so that a
/// single event costs no allocation.
pub(super) struct Ids {
    first: Option<EventId>,
    further: Vec<EventId>,
}

impl Ids {
    pub(super) fn of(events: &[NewEvent]) -> Self {
        let mut ids = events.iter().map(|event| event.id);
        Self { first: ids.next(), further: ids.collect() }
    }

    pub(super) fn last(&self) -> Option<EventId> {
        self.further.last().copied().or(self.first)
    }

    /// Encodes the events again, under the same ids.
    pub(super) fn encode<E: Event>(&self, events: &[E]) -> Result<Vec<NewEvent>> {
        let ids = self.first.iter().chain(&self.further);
        events.iter().zip(ids).map(|(event, id)| Ok(NewEvent::of(event)?.with_id(*id))).collect()
    }
}
