//! Rows that are written by one append.
//!
//! An append writes the events of each of its streams together. So a batch ends where a
//! stream would come back: otherwise the log would have another order than the source.

use std::collections::HashSet;

use eventsource::{Append, ExpectedVersion, NewEvent, Recorded, StreamId, Version, limits};

/// An event on its way, with the place that it must get.
pub(crate) struct Arrival {
    pub(crate) key: String,
    /// The stream as the source knows it.
    pub(crate) source: String,
    pub(crate) stream: StreamId,
    pub(crate) version: u64,
    pub(crate) event: NewEvent,
}

impl Arrival {
    fn expected(&self) -> ExpectedVersion {
        ExpectedVersion::exactly(Version::new(self.version - 1).ok())
    }

    /// Whether the log has it, where it belongs.
    pub(crate) fn is(&self, there: &Recorded) -> bool {
        there.stream == self.stream
            && there.version.get() == self.version
            && self.event.same_content(&there.schema, &there.payload, &there.tags)
    }

    /// An append of this event alone.
    pub(crate) fn append(&self) -> Append {
        Append::to(self.stream.clone(), self.expected()).event(self.event.clone())
    }
}

#[derive(Default)]
pub(crate) struct Batch {
    arrivals: Vec<Arrival>,
    streams: HashSet<StreamId>,
    bytes: usize,
}

impl Batch {
    /// Whether `arrival` may be written together with what is in it.
    pub(crate) fn takes(&self, arrival: &Arrival) -> bool {
        let Some(last) = self.arrivals.last() else { return true };
        let goes_on = last.stream == arrival.stream;
        let is_new = !self.streams.contains(&arrival.stream)
            && self.streams.len() < limits::MAX_STREAMS_PER_APPEND
            && last.stream.tenant() == arrival.stream.tenant();
        (goes_on || is_new)
            && self.arrivals.len() < limits::MAX_EVENTS_PER_APPEND
            && self.bytes + size(arrival) <= limits::MAX_APPEND_BYTES
    }

    pub(crate) fn push(&mut self, arrival: Arrival) {
        self.bytes += size(&arrival);
        self.streams.insert(arrival.stream.clone());
        self.arrivals.push(arrival);
    }

    pub(crate) fn append(&self) -> Option<Append> {
        let mut append: Option<Append> = None;
        let mut last = None;
        for arrival in &self.arrivals {
            append = Some(match append {
                None => arrival.append(),
                Some(append) if last == Some(&arrival.stream) => {
                    append.event(arrival.event.clone())
                }
                Some(append) => append
                    .and(arrival.stream.clone(), arrival.expected())
                    .event(arrival.event.clone()),
            });
            last = Some(&arrival.stream);
        }
        append
    }

    pub(crate) fn into_arrivals(self) -> Vec<Arrival> {
        self.arrivals
    }

    pub(crate) fn len(&self) -> u64 {
        self.arrivals.len() as u64
    }
}

fn size(arrival: &Arrival) -> usize {
    arrival.event.payload.bytes().len()
}
