//! What a relay publishes on.

use std::{
    fmt::{self, Debug, Display},
    sync::Arc,
};

use async_trait::async_trait;
use es_core::{
    Error, EventBus, LogId, Position, Recorded, Result, StreamId, SubscriberName, with_causes,
};

/// A relay as its transports see it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Publisher {
    /// The relay's name, under which it keeps its checkpoint.
    pub relay: SubscriberName,
    /// The log that it publishes.
    pub log: LogId,
    /// Its epoch: one that is lower than an epoch seen before belongs to a relay that has
    /// been replaced.
    pub epoch: u64,
    /// Everything up to here has been published, as far as the relay has saved.
    pub published: Position,
    /// Everything up to here has been consumed by everyone, as far as the relay has saved.
    pub consumed: Position,
}

/// An event that a transport cannot take, now or later.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Refused {
    /// The event.
    pub event: Recorded,
    /// Why; `None` for one that only waits behind another of its stream.
    pub cause: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
}

impl Refused {
    /// An event that was tried so often and failed with `cause` in the end.
    #[must_use]
    pub fn new(event: Recorded, cause: impl Into<String>, attempts: u32) -> Self {
        Self { event, cause: Some(cause.into()), attempts }
    }

    /// An event that waits behind another of its stream that was refused.
    #[must_use]
    pub const fn waiting(event: Recorded) -> Self {
        Self { event, cause: None, attempts: 0 }
    }
}

/// A way to bring events to consumers, for those who build one.
///
/// # Contract
/// - What [`Transport::publish`] has answered for is safe: the transport keeps it, or it has
///   been handled. The relay moves its checkpoint on that answer.
/// - The events of a stream keep their order. Of a stream of which an event was refused, the
///   later events of the same call are refused, too.
/// - Publishing the same events again is allowed, and receivers know them by id (and, for a
///   split event, by part).
#[async_trait]
pub trait Transport: Debug + Display + Send + Sync + 'static {
    /// Whether it may refuse an event.
    ///
    /// One that may is not given the later events of a stream of which an event waits, and is
    /// given them when that is tried again. One that never does is given every event at once
    /// and once, whatever other transports of the same relay refuse: it may take events in the
    /// order of the log only.
    fn may_refuse(&self) -> bool;

    /// Makes ready for a relay that has just become the active one, shuts out those before
    /// it, and says up to where the relay need not publish again: `publisher.published`, or
    /// less if the transport has lost something.
    ///
    /// # Errors
    /// `Fenced` when a relay of a higher epoch was here; `LogDiverged` when it was made for
    /// another log; `Unavailable`, `Busy` or `Fault`.
    ///
    /// # Cancel safety
    /// Opening again is safe.
    async fn open(&self, publisher: &Publisher) -> Result<Position>;

    /// Publishes `events` in order, and gives those that it cannot take. With that,
    /// everything of the log up to `through` that is meant for this transport has been
    /// published.
    ///
    /// # Errors
    /// Those of [`Transport::open`]; in particular `NotFound` when the transport has lost
    /// something since it was opened, and must be opened again. Some of the events may have
    /// been published.
    ///
    /// # Cancel safety
    /// Some of the events may have been published.
    async fn publish(
        &self,
        publisher: &Publisher,
        events: &[Recorded],
        through: Position,
    ) -> Result<Vec<Refused>>;

    /// Up to where everyone has consumed, if the transport keeps what is not consumed.
    ///
    /// # Errors
    /// Those of [`Transport::open`].
    ///
    /// # Cancel safety
    /// Safe.
    async fn consumed(&self, publisher: &Publisher) -> Result<Option<Position>>;
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Transport + ?Sized> Transport for Arc<T> {
    fn may_refuse(&self) -> bool {
        (**self).may_refuse()
    }

    async fn open(&self, publisher: &Publisher) -> Result<Position> {
        (**self).open(publisher).await
    }

    async fn publish(
        &self,
        publisher: &Publisher,
        events: &[Recorded],
        through: Position,
    ) -> Result<Vec<Refused>> {
        (**self).publish(publisher, events, through).await
    }

    async fn consumed(&self, publisher: &Publisher) -> Result<Option<Position>> {
        (**self).consumed(publisher).await
    }
}

/// A transport made of the port [`EventBus`], which can do nothing but publish.
///
/// It relies on the bus to keep what it has taken. An error of the bus that is not temporary
/// is narrowed down to the event that it is about, by publishing one at a time.
#[derive(Clone, Debug)]
pub struct PortTransport<B> {
    bus: B,
}

impl<B: EventBus> PortTransport<B> {
    /// Publishes on `bus`.
    #[must_use]
    pub const fn new(bus: B) -> Self {
        Self { bus }
    }
}

impl<B: EventBus> Display for PortTransport<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.bus, f)
    }
}

#[async_trait]
impl<B: EventBus> Transport for PortTransport<B> {
    fn may_refuse(&self) -> bool {
        true
    }

    async fn open(&self, publisher: &Publisher) -> Result<Position> {
        Ok(publisher.published)
    }

    async fn publish(
        &self,
        _publisher: &Publisher,
        events: &[Recorded],
        _through: Position,
    ) -> Result<Vec<Refused>> {
        match self.bus.publish(events).await {
            Ok(()) => return Ok(Vec::new()),
            Err(error) if !is_about_the_event(&error) => return Err(error),
            Err(_) => {}
        }
        let mut refused: Vec<Refused> = Vec::new();
        let is_stuck = |refused: &[Refused], stream: &StreamId| {
            refused.iter().any(|refused| refused.event.stream == *stream)
        };
        for event in events {
            if is_stuck(&refused, &event.stream) {
                refused.push(Refused::waiting(event.clone()));
                continue;
            }
            match self.bus.publish(std::slice::from_ref(event)).await {
                Ok(()) => {}
                Err(error) if !is_about_the_event(&error) => return Err(error),
                Err(error) => refused.push(Refused::new(event.clone(), with_causes(&error), 1)),
            }
        }
        Ok(refused)
    }

    async fn consumed(&self, _publisher: &Publisher) -> Result<Option<Position>> {
        Ok(None)
    }
}

/// Whether it would be the same with any other event.
fn is_about_the_event(error: &Error) -> bool {
    use es_core::ErrorKind;
    !error.is_temporary()
        && !matches!(
            error.kind(),
            ErrorKind::Closed | ErrorKind::OutcomeUnknown | ErrorKind::Fault | ErrorKind::Fenced
        )
}
