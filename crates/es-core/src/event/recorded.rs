//! An event as the log gives it back.

use std::{ops::Deref, sync::Arc};

use super::{Event, EventId, Metadata, NewEvent, Part, Payload, Schema, Tags};
use crate::{Error, Position, Result, StreamId, Tenant, Timestamp, Version};

/// Everything that the log keeps of one event.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Envelope {
    /// Its identity.
    pub id: EventId,
    /// Its wire form.
    pub schema: Schema,
    /// The stream that it belongs to.
    pub stream: StreamId,
    /// Its place in that stream.
    pub version: Version,
    /// Its place in the log.
    pub position: Position,
    /// When the log took it; never earlier than the event before it.
    pub recorded_at: Timestamp,
    /// What is known besides.
    pub metadata: Metadata,
    /// Its indexed labels.
    pub tags: Tags,
    /// Its fields.
    pub payload: Payload,
    /// Whether this is the whole event; see [`Part`]. Stores leave it as
    /// [`Envelope::record`] sets it.
    pub part: Part,
}

impl Envelope {
    /// What becomes of `event` in the log. Only a store knows the place and the time.
    #[must_use]
    pub fn record(
        event: NewEvent,
        stream: StreamId,
        version: Version,
        position: Position,
        recorded_at: Timestamp,
    ) -> Self {
        let NewEvent { id, schema, payload, metadata, tags } = event;
        let part = Part::Whole;
        Self { id, schema, stream, version, position, recorded_at, metadata, tags, payload, part }
    }

    /// Whether the read yields nothing more of this event.
    ///
    /// Only then may a subscriber move its checkpoint to [`Envelope::position`]: a reader
    /// that starts behind that position sees no part of the event again.
    #[must_use]
    pub const fn is_last_part(&self) -> bool {
        self.part.is_last()
    }

    /// Whose event it is: its stream's tenant.
    #[must_use]
    pub fn tenant(&self) -> Option<&Tenant> {
        self.stream.tenant()
    }
}

/// An event as the log gives it back: the envelope, and the decoded value once
/// [`Recorded::decode`] was asked for it.
///
/// Derefs to its [`Envelope`], so `recorded.version` and `recorded.metadata` work. The
/// envelope is shared: cloning a `Recorded<()>` copies one pointer.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> es_core::Result<()> {
/// use es_core::{Append, ExpectedVersion, NewEvent, Payload, Read, Schema, Store, StreamId};
/// use es_store_memory::MemoryStore;
///
/// # let note = |text: &str| Ok::<_, es_core::Error>(NewEvent::raw(
/// #     Schema::from_static("noted", 1),
/// #     Payload::json(text)?,
/// # ));
/// let store = Store::new(MemoryStore::new());
/// let list = StreamId::new("list", 1)?;
/// store.append(Append::to(list.clone(), ExpectedVersion::Any).event(note("milk")?)).await?;
///
/// let events = store.read(Read::stream(list.clone())).into_vec().await?;
/// // What the log keeps of it can be asked as if it were the envelope.
/// assert_eq!((&events[0].stream, events[0].position.get()), (&list, 1));
/// assert_eq!(events[0].payload.bytes(), "\"milk\"");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded<T = ()> {
    /// The decoded value; `()` before it is decoded.
    pub event: T,
    envelope: Arc<Envelope>,
}

impl Recorded {
    /// Wraps an envelope. For stores.
    #[must_use]
    pub const fn new(envelope: Arc<Envelope>) -> Self {
        Self { event: (), envelope }
    }

    /// Decodes the payload as `E`.
    ///
    /// # Errors
    /// `UnknownEvent` or `Undecodable`, either with the event's position. An event that an
    /// upcaster dropped is `UnknownEvent`, whatever `E` knows; look at its
    /// [`part`](Envelope::part) first.
    pub fn decode<E: Event>(&self) -> Result<Recorded<E>> {
        self.clone().into_decoded()
    }

    /// Decodes the payload as `E`, keeping the envelope instead of sharing it.
    ///
    /// # Errors
    /// Those of [`Recorded::decode`].
    pub fn into_decoded<E: Event>(self) -> Result<Recorded<E>> {
        if self.part.is_dropped() {
            return Err(Error::unknown_event(&self.schema, E::SCHEMAS).at_event(&self));
        }
        match E::decode(&self.schema, &self.payload) {
            Ok(event) => Ok(Recorded { event, envelope: self.envelope }),
            Err(error) => Err(error.at_event(&self.envelope)),
        }
    }
}

impl<T> Recorded<T> {
    /// The envelope.
    #[must_use]
    pub const fn envelope(&self) -> &Arc<Envelope> {
        &self.envelope
    }

    /// The same event without its decoded value.
    #[must_use]
    pub fn untyped(&self) -> Recorded {
        Recorded::new(Arc::clone(&self.envelope))
    }

    /// The same event with the decoded value changed.
    #[must_use]
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Recorded<U> {
        Recorded { event: change(self.event), envelope: self.envelope }
    }

    /// The decoded value alone.
    #[must_use]
    pub fn into_event(self) -> T {
        self.event
    }
}

impl<T> Deref for Recorded<T> {
    type Target = Envelope;

    fn deref(&self) -> &Envelope {
        &self.envelope
    }
}

impl From<Envelope> for Recorded {
    fn from(envelope: Envelope) -> Self {
        Self::new(Arc::new(envelope))
    }
}
