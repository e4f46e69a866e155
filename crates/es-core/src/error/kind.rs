//! The kinds of error: what a caller decides by.

use std::fmt;

/// What kind of error it is; what a caller decides by.
///
/// ```
/// use es_core::{Error, ErrorKind};
///
/// fn what_to_do(error: &Error) -> &'static str {
///     match error.kind() {
///         ErrorKind::Conflict | ErrorKind::ConditionFailed => "read again and decide again",
///         ErrorKind::OutcomeUnknown => "append the same events again, with the same ids",
///         ErrorKind::Busy | ErrorKind::Unavailable => "try again later",
///         _ => "tell somebody",
///     }
/// }
///
/// let full = Error::new(ErrorKind::Busy, "the queue is full: nothing was written");
/// assert!(full.is_temporary());
/// assert_eq!(what_to_do(&full), "try again later");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A stream was not at the expected version. Nothing was written. Read again, decide
    /// again.
    Conflict,
    /// An `unless` condition did not hold. Nothing was written. Read again, decide again.
    ConditionFailed,
    /// An event id is taken by other content, or by part of another append. Nothing was
    /// written, and trying again will not help.
    IdempotencyClash,
    /// The reply was lost and the store could not find out what happened. Appending the
    /// same events again, with the same ids, is safe and settles it.
    OutcomeUnknown,
    /// There was no room in time. Nothing was written. Try again later.
    Busy,
    /// The store could not be reached. Nothing was written. Try again later.
    Unavailable,
    /// The input breaks a rule or a limit. Nothing was written.
    Invalid,
    /// The store lacks a capability that the call needs. Nothing was written.
    Unsupported,
    /// An aggregate was loaded that has no events.
    NotFound,
    /// A recorded event's type, or the version of its schema, is not known to this reader.
    UnknownEvent,
    /// A recorded event's payload does not fit its schema.
    Undecodable,
    /// The log is not the one that the checkpoint belongs to, or it lost its end.
    LogDiverged,
    /// Another worker owns the checkpoint now.
    Fenced,
    /// The store was closed.
    Closed,
    /// Something broke that is nobody's input; the source says what.
    Fault,
}

impl ErrorKind {
    /// A word for it that programs may rely on: `log_diverged`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::ConditionFailed => "condition_failed",
            Self::IdempotencyClash => "idempotency_clash",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::Invalid => "invalid",
            Self::Unsupported => "unsupported",
            Self::NotFound => "not_found",
            Self::UnknownEvent => "unknown_event",
            Self::Undecodable => "undecodable",
            Self::LogDiverged => "log_diverged",
            Self::Fenced => "fenced",
            Self::Closed => "closed",
            Self::Fault => "fault",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_str().replace('_', " "))
    }
}
