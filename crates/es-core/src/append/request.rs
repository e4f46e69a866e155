//! The checked request that stores receive: whatever it is, it breaks no rule and no limit.

use std::{collections::HashSet, time::Duration};

use super::{Query, Receipt};
use crate::{
    Envelope, Error, ErrorKind, EventId, ExpectedVersion, Invalid, Metadata, NewEvent, Position,
    Recorded, Result, StreamId, Tenant, Version, limits,
};

/// What a store receives: an append that was checked as a whole.
///
/// It can only be made by [`Append::build`](crate::Append::build), so a store may rely on
/// it: every stream once, at least one event per written stream, every event id once, all
/// limits kept, one tenant, metadata filled in.
#[derive(Clone, Debug)]
pub struct AppendRequest {
    streams: Vec<StreamAppend>,
    required: Vec<StreamExpectation>,
    unless: Vec<Unless>,
    deadline: Option<Duration>,
}

/// The events for one stream.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StreamAppend {
    /// The stream.
    pub stream: StreamId,
    /// What it must be.
    pub expected: ExpectedVersion,
    /// Its events, in order.
    pub events: Vec<NewEvent>,
}

impl StreamAppend {
    pub(super) const fn new(stream: StreamId, expected: ExpectedVersion) -> Self {
        Self { stream, expected, events: Vec::new() }
    }
}

/// A demand on a stream that is not written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StreamExpectation {
    /// The stream.
    pub stream: StreamId,
    /// What it must be.
    pub expected: ExpectedVersion,
}

/// A demand that something be absent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Unless {
    /// What must be absent, among the streams of the append's tenant.
    pub query: Query,
    /// Behind which position.
    pub after: Position,
}

impl AppendRequest {
    pub(super) fn checked(
        streams: Vec<StreamAppend>,
        required: Vec<StreamExpectation>,
        unless: Vec<Unless>,
        defaults: &Metadata,
        deadline: Option<Duration>,
        tenant: Option<&Tenant>,
    ) -> Result<Self> {
        let mut request = Self { streams, required, unless, deadline };
        request.scope(tenant)?;
        request.check_streams()?;
        request.check_conditions()?;
        request.check_events()?;
        request.fill_in(defaults)?;
        Ok(request)
    }

    /// The streams that are written, in the order of their events.
    #[must_use]
    pub fn streams(&self) -> &[StreamAppend] {
        &self.streams
    }

    /// The demands on streams that are not written.
    #[must_use]
    pub fn required(&self) -> &[StreamExpectation] {
        &self.required
    }

    /// What must be absent.
    #[must_use]
    pub fn unless(&self) -> &[Unless] {
        &self.unless
    }

    /// How long the caller waits.
    #[must_use]
    pub const fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// Whose append it is.
    #[must_use]
    pub fn tenant(&self) -> Option<&Tenant> {
        self.streams.first().and_then(|write| write.stream.tenant())
    }

    /// How many events it has, over all streams; at least one.
    #[must_use]
    pub fn event_count(&self) -> usize {
        self.streams.iter().map(|write| write.events.len()).sum()
    }

    /// All events in log order, each with its stream.
    pub fn events(&self) -> impl Iterator<Item = (&StreamId, &NewEvent)> {
        self.streams.iter().flat_map(|write| write.events.iter().map(|e| (&write.stream, e)))
    }

    /// What its events are in the log, by the receipt of this append: what a read yields, before
    /// upcasters and without the log being asked.
    ///
    /// # Errors
    /// `Invalid` when the receipt is of another append.
    pub fn recorded(&self, receipt: &Receipt) -> Result<Vec<Recorded>> {
        let is_of_it = receipt.last.get().checked_sub(receipt.first.get())
            == Some(self.event_count() as u64 - 1);
        let other = || Error::new(ErrorKind::Invalid, "the receipt is of another append");
        let mut recorded = Vec::with_capacity(self.event_count());
        for write in &self.streams {
            let last = receipt.version_of(&write.stream).filter(|_| is_of_it).ok_or_else(other)?;
            let before = last.get().checked_sub(write.events.len() as u64).ok_or_else(other)?;
            for (number, event) in (1..).zip(&write.events) {
                let version = Version::new(before + number).map_err(|_| other())?;
                let position = Position::new(receipt.first.get() + recorded.len() as u64);
                let (stream, at) = (write.stream.clone(), receipt.recorded_at);
                let envelope = Envelope::record(event.clone(), stream, version, position, at);
                recorded.push(envelope.into());
            }
        }
        Ok(recorded)
    }

    /// The parts, for stores that move the events out.
    #[must_use]
    pub fn into_parts(self) -> (Vec<StreamAppend>, Vec<StreamExpectation>, Vec<Unless>) {
        (self.streams, self.required, self.unless)
    }

    /// Gives every event that has no trace context this one, in the form of the W3C's
    /// `traceparent` and `tracestate`. For layers: the context of the caller is only known
    /// once the append is on its way.
    ///
    /// An event whose metadata would become too large goes without: no append fails for want
    /// of a trace.
    #[must_use]
    pub fn with_trace(mut self, parent: &str, state: Option<&str>) -> Self {
        // What a trace adds to two ids fits, unless it is no trace context at all.
        let is_short = parent.len() + state.map_or(0, str::len) <= 1_024;
        for event in self.streams.iter_mut().flat_map(|write| &mut write.events) {
            if event.metadata.traceparent().is_some() {
                continue;
            }
            let before = (!is_short || !event.metadata.is_small()).then(|| event.metadata.clone());
            event.metadata = std::mem::take(&mut event.metadata).with_trace(parent, state);
            if let Some(before) = before.filter(|_| event.check().is_err()) {
                event.metadata = before;
            }
        }
        self
    }

    /// For layers that widen conditions; one that took anything out of a condition would
    /// break it.
    pub(crate) fn unless_mut(&mut self) -> &mut [Unless] {
        &mut self.unless
    }

    fn stream_names(&self) -> impl Iterator<Item = &StreamId> {
        let required = self.required.iter().map(|demand| &demand.stream);
        self.streams.iter().map(|write| &write.stream).chain(required)
    }

    fn scope(&mut self, tenant: Option<&Tenant>) -> Result<(), Invalid> {
        if tenant.is_some() {
            for write in &mut self.streams {
                write.stream = write.stream.scoped(tenant)?;
            }
            for demand in &mut self.required {
                demand.stream = demand.stream.scoped(tenant)?;
            }
        }
        let tenant = self.tenant();
        match self.stream_names().find(|stream| stream.tenant() != tenant) {
            None => Ok(()),
            Some(stream) => Err(Invalid::TenantMismatch {
                stream: stream.clone(),
                expected: tenant.cloned(),
                found: stream.tenant().cloned(),
            }),
        }
    }

    fn check_streams(&self) -> Result<(), Invalid> {
        let count = self.streams.len() + self.required.len();
        at_most("streams in one append", count, limits::MAX_STREAMS_PER_APPEND)?;
        if let Some(empty) = self.streams.iter().find(|write| write.events.is_empty()) {
            return Err(Invalid::EmptyAppend { stream: empty.stream.clone() });
        }
        let mut seen = HashSet::new();
        for stream in self.stream_names() {
            stream.check()?;
            if count > 1 && !seen.insert(stream) {
                return Err(Invalid::StreamTwice { stream: stream.clone() });
            }
        }
        Ok(())
    }

    fn check_conditions(&self) -> Result<(), Invalid> {
        let (count, max) = (self.unless.len(), limits::MAX_CONDITIONS_PER_APPEND);
        at_most("conditions in one append", count, max)?;
        self.unless.iter().try_for_each(|unless| unless.query.check())
    }

    fn check_events(&self) -> Result<(), Invalid> {
        let count = self.event_count();
        at_most("events in one append", count, limits::MAX_EVENTS_PER_APPEND)?;
        // Ids that were made one after the other grow: then no two of them are the same, and
        // nothing has to be kept to know that.
        let grows = self.events().map(|(_, event)| event.id).is_sorted_by(|a, b| a < b);
        let mut seen: Option<HashSet<EventId>> = (!grows).then(|| HashSet::with_capacity(count));
        let mut size = 0;
        for (stream, event) in self.events() {
            event.check()?;
            if seen.as_mut().is_some_and(|seen| !seen.insert(event.id)) {
                return Err(Invalid::EventTwice { event: event.id });
            }
            check_claim(stream, &event.metadata)?;
            size += event.payload.bytes().len();
        }
        if size > limits::MAX_APPEND_BYTES {
            return Err(Invalid::AppendTooLarge { size });
        }
        Ok(())
    }

    fn fill_in(&mut self, defaults: &Metadata) -> Result<(), Invalid> {
        let Some(first) = self.events().next().map(|(_, event)| event.id.as_uuid()) else {
            return Ok(());
        };
        let inherits = *defaults != Metadata::default();
        for write in &mut self.streams {
            for event in &mut write.events {
                if inherits {
                    event.metadata = std::mem::take(&mut event.metadata).or(defaults);
                    event.check()?;
                    check_claim(&write.stream, &event.metadata)?;
                }
                event.metadata.correlate(first);
            }
        }
        Ok(())
    }
}

/// Refuses metadata that names another tenant than the stream.
fn check_claim(stream: &StreamId, metadata: &Metadata) -> Result<(), Invalid> {
    match metadata.tenant() {
        Some(claimed) if stream.tenant() != Some(claimed) => Err(Invalid::TenantMismatch {
            stream: stream.clone(),
            expected: Some(claimed.clone()),
            found: stream.tenant().cloned(),
        }),
        _ => Ok(()),
    }
}

pub(super) fn at_most(what: &'static str, count: usize, max: usize) -> Result<(), Invalid> {
    if count > max { Err(Invalid::TooMany { what, count, max }) } else { Ok(()) }
}
