//! The builder that callers write appends with.

use std::time::Duration;

use super::{
    AppendRequest, Query, Unless,
    request::{StreamAppend, StreamExpectation},
};
use crate::{
    Error, ExpectedVersion, IntoNewEvent, Metadata, NewEvent, Position, Recorded, Result, StreamId,
    Tenant,
};

/// One atomic write: events for one stream or several, and what must hold for it.
///
/// Nothing happens until [`Store::append`](crate::Store::append) takes it. A step that
/// fails, such as an event that does not encode, is kept and reported then.
///
/// ```
/// use es_core::{Append, ExpectedVersion, NewEvent, Payload, Schema, StreamId};
///
/// let alice = StreamId::new("account", "alice")?;
/// let bob = StreamId::new("account", "bob")?;
/// let moved = Schema::from_static("account.moved", 1);
/// let transfer = Append::to(alice, ExpectedVersion::Exists)
///     .event(NewEvent::raw(moved.clone(), Payload::json(&-5)?))
///     .and(bob, ExpectedVersion::Exists)
///     .event(NewEvent::raw(moved, Payload::json(&5)?));
/// assert_eq!(transfer.build()?.event_count(), 2);
/// # Ok::<(), es_core::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "an append does nothing until a store takes it"]
pub struct Append {
    streams: Vec<StreamAppend>,
    required: Vec<StreamExpectation>,
    unless: Vec<Unless>,
    defaults: Metadata,
    deadline: Option<Duration>,
    error: Option<Error>,
}

impl Append {
    /// Begins an append to `stream`, which must be as `expected`.
    pub fn to(stream: StreamId, expected: ExpectedVersion) -> Self {
        Self {
            streams: vec![StreamAppend::new(stream, expected)],
            required: Vec::new(),
            unless: Vec::new(),
            defaults: Metadata::new(),
            deadline: None,
            error: None,
        }
    }

    /// Adds an event to the stream that [`Append::to`] or [`Append::and`] named last.
    pub fn event<How>(mut self, event: impl IntoNewEvent<How>) -> Self {
        match event.into_new_event() {
            Ok(event) => self.push(event),
            Err(error) => self.error = self.error.or(Some(error)),
        }
        self
    }

    /// Adds events to the stream that was named last, in order.
    pub fn events<How, I>(self, events: I) -> Self
    where
        I: IntoIterator,
        I::Item: IntoNewEvent<How>,
    {
        events.into_iter().fold(self, |append, event| append.event(event))
    }

    /// Names another stream that the same commit writes, and what it must be.
    pub fn and(mut self, stream: StreamId, expected: ExpectedVersion) -> Self {
        self.streams.push(StreamAppend::new(stream, expected));
        self
    }

    /// Demands that a stream which is not written be as `expected`.
    pub fn require(mut self, stream: StreamId, expected: ExpectedVersion) -> Self {
        self.required.push(StreamExpectation { stream, expected });
        self
    }

    /// Demands that no event which matches `query` lie behind position `after`: what the
    /// decision rests on must still be all there is (a dynamic consistency boundary).
    ///
    /// It looks at the streams of the append's own tenant.
    pub fn unless(mut self, query: Query, after: Position) -> Self {
        self.unless.push(Unless { query, after });
        self
    }

    /// Says that all these events were caused by `cause`: its correlation is theirs.
    pub fn caused_by<T>(self, cause: &Recorded<T>) -> Self {
        let metadata = Metadata::caused_by(cause);
        self.with_metadata(metadata)
    }

    /// Gives every event this metadata where it has none of its own. Called again, it
    /// fills in what is still missing.
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.defaults = self.defaults.or(&metadata);
        self
    }

    /// Limits the time, from the moment that a store takes the append: in the queue, on
    /// the way, and for finding out what became of it. When it is over, the answer is
    /// `Busy` if nothing was written and `OutcomeUnknown` if that cannot be known.
    pub const fn deadline(mut self, within: Duration) -> Self {
        self.deadline = Some(within);
        self
    }

    /// Checks the whole and makes the request that stores receive.
    ///
    /// # Errors
    /// The first error of a step, or [`Invalid`](crate::Invalid) when the append is empty,
    /// breaks a limit, or names a stream or an event id twice.
    pub fn build(self) -> Result<AppendRequest> {
        self.build_for(None)
    }

    /// The same within the scope of a tenant: streams without one get it.
    ///
    /// # Errors
    /// Those of [`Append::build`], and
    /// [`Invalid::TenantMismatch`](crate::Invalid::TenantMismatch) when a stream belongs to
    /// another tenant.
    pub fn build_for(self, tenant: Option<&Tenant>) -> Result<AppendRequest> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let Self { streams, required, unless, defaults, deadline, .. } = self;
        AppendRequest::checked(streams, required, unless, &defaults, deadline, tenant)
    }

    fn push(&mut self, event: NewEvent) {
        if let Some(last) = self.streams.last_mut() {
            last.events.push(event);
        }
    }
}
