//! What can go wrong, as data: a kind to match on, details to act on, a source to log.

mod causes;
mod details;
mod invalid;
mod kind;
mod panic;
mod reach;

#[cfg(test)]
mod tests;

use std::{error::Error as StdError, fmt};

pub use causes::{causes, with_causes};
pub use details::{
    ConditionFailed, Conflict, Diverged, Fenced, IdempotencyClash, Undecodable, UnknownEvent,
};
pub use invalid::Invalid;
pub use kind::ErrorKind;
pub use panic::panic_text;
pub use reach::is_out_of_reach;
#[doc(hidden)]
pub use reach::says_out_of_reach;

use crate::{Envelope, EventId, FoldEvent, Position, StreamId};

/// Any error, as a source.
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// The result of whatever the log is asked to do.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong.
///
/// Match on [`Error::kind`]; ask for the details of that kind. `Display` says what
/// happened and never repeats the source, which [`std::error::Error::source`] gives.
///
/// ```
/// use es_core::{Error, ErrorKind};
///
/// fn advise(error: &Error) -> &'static str {
///     match error.kind() {
///         ErrorKind::Conflict => "read again and decide again",
///         ErrorKind::OutcomeUnknown => "append the same events again: it is safe",
///         _ if error.is_temporary() => "try again later",
///         _ => "give up",
///     }
/// }
/// # let busy = Error::new(ErrorKind::Busy, "the queue is full");
/// # assert_eq!(advise(&busy), "try again later");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    detail: Detail,
    source: Option<BoxError>,
}

enum Detail {
    Message(String),
    Conflict(Conflict),
    Condition(ConditionFailed),
    Clash(IdempotencyClash),
    Invalid(Invalid),
    Unknown(UnknownEvent),
    Undecodable(Undecodable),
    Diverged(Diverged),
    Fenced(Fenced),
}

impl Error {
    /// An error of a kind that needs no details, said in words.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::with_detail(kind, Detail::Message(message.into()))
    }

    /// A fault: something broke that nobody expected, and it was not the caller.
    #[must_use]
    pub fn fault(message: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self::new(ErrorKind::Fault, message).with_source(source)
    }

    /// The same error with what it came from.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call may succeed later, unchanged, and nothing was written.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Busy | ErrorKind::Unavailable)
    }

    /// The conflict, if it is one.
    #[must_use]
    pub fn conflict(&self) -> Option<&Conflict> {
        match &self.0.detail {
            Detail::Conflict(conflict) => Some(conflict),
            _ => None,
        }
    }

    /// The `unless` condition that did not hold, if it is that.
    #[must_use]
    pub fn condition_failed(&self) -> Option<&ConditionFailed> {
        match &self.0.detail {
            Detail::Condition(failed) => Some(failed),
            _ => None,
        }
    }

    /// The clash of event ids, if it is one.
    #[must_use]
    pub fn idempotency_clash(&self) -> Option<&IdempotencyClash> {
        match &self.0.detail {
            Detail::Clash(clash) => Some(clash),
            _ => None,
        }
    }

    /// What was wrong with the input, if that is it.
    #[must_use]
    pub fn invalid(&self) -> Option<&Invalid> {
        match &self.0.detail {
            Detail::Invalid(invalid) => Some(invalid),
            _ => None,
        }
    }

    /// The event that the reader does not know, if that is it.
    #[must_use]
    pub fn unknown_event_details(&self) -> Option<&UnknownEvent> {
        match &self.0.detail {
            Detail::Unknown(unknown) => Some(unknown),
            _ => None,
        }
    }

    /// The event that does not decode, if that is it.
    #[must_use]
    pub fn undecodable_details(&self) -> Option<&Undecodable> {
        match &self.0.detail {
            Detail::Undecodable(undecodable) => Some(undecodable),
            _ => None,
        }
    }

    /// How the log differs from the one that was expected, if that is it.
    #[must_use]
    pub fn diverged(&self) -> Option<&Diverged> {
        match &self.0.detail {
            Detail::Diverged(diverged) => Some(diverged),
            _ => None,
        }
    }

    /// Who owns the checkpoint now, if somebody else does.
    #[must_use]
    pub fn fenced(&self) -> Option<&Fenced> {
        match &self.0.detail {
            Detail::Fenced(fenced) => Some(fenced),
            _ => None,
        }
    }

    /// The same error, saying which recorded event it is about.
    #[must_use]
    pub fn at_event(self, envelope: &Envelope) -> Self {
        self.at_place(envelope.id, &envelope.stream, envelope.position)
    }

    /// The same error, saying which event of `stream` it is about.
    #[must_use]
    pub fn at(self, event: &FoldEvent<'_>, stream: &StreamId) -> Self {
        self.at_place(event.id, event.stream.unwrap_or(stream), event.position)
    }

    fn at_place(mut self, event: EventId, stream: &StreamId, position: Position) -> Self {
        match &mut self.0.detail {
            Detail::Unknown(unknown) => unknown.position = Some(position),
            Detail::Undecodable(undecodable) => {
                undecodable.position = Some(position);
                undecodable.event = Some(event);
                undecodable.stream = Some(stream.clone());
            }
            _ => {}
        }
        self
    }

    fn with_detail(kind: ErrorKind, detail: Detail) -> Self {
        Self(Box::new(Inner { kind, detail, source: None }))
    }
}

macro_rules! from_detail {
    ($($kind:ident: $variant:ident($detail:ty)),* $(,)?) => {$(
        impl From<$detail> for Error {
            fn from(detail: $detail) -> Self {
                Self::with_detail(ErrorKind::$kind, Detail::$variant(detail))
            }
        }
    )*};
}

from_detail! {
    Conflict: Conflict(Conflict),
    ConditionFailed: Condition(ConditionFailed),
    IdempotencyClash: Clash(IdempotencyClash),
    Invalid: Invalid(Invalid),
    UnknownEvent: Unknown(UnknownEvent),
    Undecodable: Undecodable(Undecodable),
    LogDiverged: Diverged(Diverged),
    Fenced: Fenced(Fenced),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.detail {
            Detail::Message(message) => f.write_str(message),
            Detail::Conflict(detail) => fmt::Display::fmt(detail, f),
            Detail::Condition(detail) => fmt::Display::fmt(detail, f),
            Detail::Clash(detail) => fmt::Display::fmt(detail, f),
            Detail::Invalid(detail) => fmt::Display::fmt(detail, f),
            Detail::Unknown(detail) => fmt::Display::fmt(detail, f),
            Detail::Undecodable(detail) => fmt::Display::fmt(detail, f),
            Detail::Diverged(detail) => fmt::Display::fmt(detail, f),
            Detail::Fenced(detail) => fmt::Display::fmt(detail, f),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &self.0.kind).field("message", &format_args!("{self}"));
        if let Some(source) = &self.0.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
