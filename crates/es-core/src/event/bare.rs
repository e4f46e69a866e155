//! Events as a fold sees them: without their envelopes.

use bytes::Bytes;

use super::{EventId, Part, Payload, Recorded, Schema};
use crate::{Envelope, Position, StreamId, Version};

/// A recorded event without its envelope: what a fold needs, and no more.
///
/// For stores, which spare themselves the rest; see
/// [`EventStore::read_to_fold`](crate::EventStore::read_to_fold). It is always a whole event.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BareEvent {
    /// Its identity.
    pub id: EventId,
    /// Its place in its stream.
    pub version: Version,
    /// Its place in the log.
    pub position: Position,
    /// Its wire form.
    pub schema: Schema,
    /// Its fields. The bytes may share memory with those of the other events of the page, so
    /// whoever keeps a payload copies it.
    pub payload: Payload,
}

impl BareEvent {
    /// Puts the parts together.
    #[must_use]
    pub const fn new(
        id: EventId,
        version: Version,
        position: Position,
        schema: Schema,
        payload: Payload,
    ) -> Self {
        Self { id, version, position, schema, payload }
    }
}

/// Bare events that are being put together, for stores: their payloads lie one behind the other
/// in one piece of memory, since whoever folds lets go of all of them at once.
#[derive(Debug, Default)]
pub struct BareEvents {
    /// Still without their bytes.
    events: Vec<BareEvent>,
    bytes: Vec<u8>,
    /// Where the bytes of each end, and those of the next begin.
    ends: Vec<usize>,
}

impl BareEvents {
    /// Adds an event; `bytes` take the place of those that its payload has.
    pub fn push(&mut self, event: BareEvent, bytes: &[u8]) {
        self.events.push(event);
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len());
    }

    /// How many bytes the payloads take so far.
    #[must_use]
    pub const fn payload_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The events, whole.
    #[must_use]
    pub fn into_vec(self) -> Vec<BareEvent> {
        let Self { mut events, bytes, ends } = self;
        let bytes = Bytes::from(bytes);
        let mut begin = 0;
        for (event, end) in events.iter_mut().zip(ends) {
            event.payload = event.payload.with_bytes(bytes.slice(begin..end));
            begin = end;
        }
        events
    }
}

/// Events on their way into a state, in the form that their store has at the least cost.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FoldPage {
    /// With envelopes: that of a store in memory, which has them, and of a layer that
    /// changes events.
    Recorded(Vec<Recorded>),
    /// Without.
    Bare(Vec<BareEvent>),
}

impl FoldPage {
    /// How many events there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Recorded(events) => events.len(),
            Self::Bare(events) => events.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The events in the order of the read.
    pub fn events(&self) -> impl Iterator<Item = FoldEvent<'_>> {
        let (recorded, bare): (&[Recorded], &[BareEvent]) = match self {
            Self::Recorded(events) => (events, &[]),
            Self::Bare(events) => (&[], events),
        };
        recorded.iter().map(FoldEvent::from).chain(bare.iter().map(FoldEvent::from))
    }
}

/// What a fold sees of an event.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct FoldEvent<'a> {
    /// Its identity.
    pub id: EventId,
    /// The stream that it belongs to, where the page says that.
    pub stream: Option<&'a StreamId>,
    /// Its place in that stream.
    pub version: Version,
    /// Its place in the log.
    pub position: Position,
    /// Its wire form.
    pub schema: &'a Schema,
    /// Its fields.
    pub payload: &'a Payload,
    /// Whether this is the whole event.
    pub part: Part,
}

impl<'a> From<&'a Recorded> for FoldEvent<'a> {
    fn from(recorded: &'a Recorded) -> Self {
        let envelope: &Envelope = recorded.envelope();
        let Envelope { id, stream, version, position, schema, payload, part, .. } = envelope;
        let (id, version, position, part) = (*id, *version, *position, *part);
        Self { id, stream: Some(stream), version, position, schema, payload, part }
    }
}

impl<'a> From<&'a BareEvent> for FoldEvent<'a> {
    fn from(event: &'a BareEvent) -> Self {
        let BareEvent { id, version, position, schema, payload } = event;
        let (id, version, position, part) = (*id, *version, *position, Part::Whole);
        Self { id, stream: None, version, position, schema, payload, part }
    }
}
