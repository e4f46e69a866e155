//! What a reactor is: events into side effects.

use std::{fmt, future::Future};

use es_core::{BoxError, Envelope, Event, EventId, Part, Recorded};

use crate::Scope;

/// Does something in the world because of an event: sends a mail, calls a service.
///
/// **At-least-once.** The effect and the checkpoint cannot commit together, so after a
/// crash between the two the event comes again. Hand `key` to whatever takes it, or keep it
/// beside the effect: it is the same each time. Events of one stream come in their order;
/// an event is never lost.
///
/// A rebuild of a projection does not run reactors.
///
/// ```
/// use es_core::{BoxError, Event, Recorded};
/// use es_projection::{IdempotencyKey, Reactor};
///
/// #[derive(Event)]
/// enum OrderEvent {
///     Paid,
/// }
///
/// struct Receipts;
///
/// impl Reactor for Receipts {
///     const NAME: &'static str = "receipts";
///     type Event = OrderEvent;
///
///     async fn react(&self, event: &Recorded<OrderEvent>, key: &IdempotencyKey) -> Result<(), BoxError> {
///         println!("mail {key}: {} is paid", event.stream.key());
///         Ok(())
///     }
/// }
/// ```
pub trait Reactor: Send + Sync + 'static {
    /// What people call it: `receipts`.
    const NAME: &'static str;

    /// A new version has a checkpoint of its own, at the start of the log: all effects
    /// happen again. Rarely what is wanted.
    const VERSION: u32 = 1;

    /// The events that it reacts to.
    type Event: Event;

    /// Which events it is given: those that [`Reactor::Event`] knows, of every category,
    /// unless it says otherwise.
    fn scope(&self) -> Scope {
        Scope::events::<Self::Event>()
    }

    /// Reacts to one event. It may be called again with the same event and key.
    ///
    /// # Errors
    /// Whatever goes wrong. What happens then is up to the [`Policy`](crate::Policy).
    fn react(
        &self,
        event: &Recorded<Self::Event>,
        key: &IdempotencyKey,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// What tells one effect from another, and is the same whenever the event comes again: the
/// event's id, and which part of it where an upcaster has split it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    event: EventId,
    part: Option<u16>,
}

impl IdempotencyKey {
    /// The key of the effect of this event.
    #[must_use]
    pub fn of(envelope: &Envelope) -> Self {
        let part = match envelope.part {
            Part::Split { index, .. } => Some(index),
            _ => None,
        };
        Self { event: envelope.id, part }
    }

    /// The event.
    #[must_use]
    pub const fn event(&self) -> EventId {
        self.event
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            None => fmt::Display::fmt(&self.event, f),
            Some(part) => write!(f, "{}.{part}", self.event),
        }
    }
}
