//! An event that is on its way to the log.

use super::{Event, EventId, Metadata, Payload, Schema, Tag, Tags};
use crate::{Invalid, Result, limits};

/// An event that is on its way to the log: encoded, and named by its writer.
///
/// The id is drawn when the event is made, so that whoever keeps the `NewEvent` can append
/// it again after a lost reply without doubling it.
///
/// ```
/// use es_core::{Metadata, NewEvent, Payload, Schema, Tag};
///
/// let payload = Payload::json(&serde_json::json!({ "owner": "Alice" }))?;
/// let opened = NewEvent::raw(Schema::from_static("account.opened", 1), payload)
///     .with_metadata(Metadata::new().with_actor("teller 3"))
///     .with_tag(Tag::new("owner", "alice")?);
/// assert_eq!(opened.tags.len(), 1);
/// # Ok::<(), es_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NewEvent {
    /// Its identity.
    pub id: EventId,
    /// Its wire form.
    pub schema: Schema,
    /// Its fields.
    pub payload: Payload,
    /// What is known besides.
    pub metadata: Metadata,
    /// Its indexed labels.
    pub tags: Tags,
}

impl NewEvent {
    /// Encodes `event` under a new id.
    ///
    /// # Errors
    /// Those of [`Event::encode`] and [`Event::tags`].
    pub fn of<E: Event>(event: &E) -> Result<Self> {
        let tags = event.tags()?;
        Ok(Self::raw(event.schema().clone(), event.encode()?).with_tags(tags))
    }

    /// Takes an event that is encoded already.
    #[must_use]
    pub fn raw(schema: Schema, payload: Payload) -> Self {
        let (id, metadata, tags) = (EventId::new(), Metadata::new(), Tags::NONE);
        Self { id, schema, payload, metadata, tags }
    }

    /// An event that has its id already, without tags and metadata. For stores that read it
    /// back: drawing an id that is replaced at once would cost more than the rest.
    #[must_use]
    pub fn known(id: EventId, schema: Schema, payload: Payload) -> Self {
        Self { id, schema, payload, metadata: Metadata::new(), tags: Tags::NONE }
    }

    /// The same event under an id of the writer's choice.
    #[must_use]
    pub fn with_id(mut self, id: EventId) -> Self {
        self.id = id;
        self
    }

    /// The same event with this metadata.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// The same event with one more tag.
    #[must_use]
    pub fn with_tag(mut self, tag: Tag) -> Self {
        self.tags = self.tags.with(tag);
        self
    }

    /// The same event with these tags.
    #[must_use]
    pub fn with_tags(mut self, tags: Tags) -> Self {
        self.tags = tags;
        self
    }

    /// Whether the log may take it for the same event as `other` (L4): same schema, payload
    /// and tags. Metadata is left out, because a retry may run within another trace.
    #[must_use]
    pub fn same_content(&self, schema: &Schema, payload: &Payload, tags: &Tags) -> bool {
        self.schema == *schema && self.payload == *payload && self.tags == *tags
    }

    pub(crate) fn check(&self) -> Result<(), Invalid> {
        self.schema.name.check()?;
        if self.schema.version == 0 {
            return Err(Invalid::SchemaVersion { event_type: self.schema.name.clone() });
        }
        let (size, max) = (self.payload.bytes().len(), limits::MAX_PAYLOAD_BYTES);
        if size > max {
            return Err(Invalid::EventTooLarge { event: self.id, what: "payload", size, max });
        }
        let (size, max) = (self.tags.len(), limits::MAX_TAGS_PER_EVENT);
        if size > max {
            return Err(Invalid::TooMany { what: "tags on one event", count: size, max });
        }
        self.check_metadata()
    }

    fn check_metadata(&self) -> Result<(), Invalid> {
        if self.metadata.is_small() {
            return Ok(());
        }
        let payload = Payload::json(&self.metadata)
            .map_err(|e| Invalid::Payload { reason: format!("metadata: {e}") })?;
        let (size, max) = (payload.bytes().len(), limits::MAX_METADATA_BYTES);
        if size > max {
            return Err(Invalid::EventTooLarge { event: self.id, what: "metadata", size, max });
        }
        Ok(())
    }
}

/// What [`Append::event`](crate::Append::event) takes: an event, a reference to one, or a
/// [`NewEvent`].
///
/// The parameter tells the three apart and is always inferred: without it, the compiler
/// could not rule out that somebody makes a reference an event of its own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "this cannot be appended",
    note = "write `#[derive(Event)]` on its type, or make a `NewEvent`"
)]
pub trait IntoNewEvent<How> {
    /// Encodes it, unless it is encoded already.
    ///
    /// # Errors
    /// Those of [`NewEvent::of`].
    fn into_new_event(self) -> Result<NewEvent>;
}

/// How an event is given: see [`IntoNewEvent`].
#[derive(Debug)]
pub enum ByValue {}

/// How an event is given: see [`IntoNewEvent`].
#[derive(Debug)]
pub enum ByReference {}

/// How an event is given: see [`IntoNewEvent`].
#[derive(Debug)]
pub enum Encoded {}

impl IntoNewEvent<Encoded> for NewEvent {
    fn into_new_event(self) -> Result<NewEvent> {
        Ok(self)
    }
}

impl<E: Event> IntoNewEvent<ByValue> for E {
    fn into_new_event(self) -> Result<NewEvent> {
        NewEvent::of(&self)
    }
}

impl<E: Event> IntoNewEvent<ByReference> for &E {
    fn into_new_event(self) -> Result<NewEvent> {
        NewEvent::of(self)
    }
}
