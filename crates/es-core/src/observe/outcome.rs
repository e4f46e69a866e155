//! How something ended, in one word.

use std::fmt;

use crate::{Error, ErrorKind};

/// How a call ended, in the words of telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It was done.
    Ok,
    /// It was decided that nothing happens.
    Nothing,
    /// It had been done before, and was not done again.
    Duplicate,
    /// The domain refused it.
    Rejected,
    /// Another writer came first, or a condition did not hold.
    Conflict,
    /// The reply was lost, and nobody knows.
    Unknown,
    /// It failed.
    Error,
    /// Whoever waited for it has gone.
    Abandoned,
}

impl Outcome {
    /// All there are.
    pub const ALL: [Self; 8] = [
        Self::Ok,
        Self::Nothing,
        Self::Duplicate,
        Self::Rejected,
        Self::Conflict,
        Self::Unknown,
        Self::Error,
        Self::Abandoned,
    ];

    /// How a call ended that returned `error`.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Conflict | ErrorKind::ConditionFailed => Self::Conflict,
            ErrorKind::OutcomeUnknown => Self::Unknown,
            _ => Self::Error,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Nothing => "nothing",
            Self::Duplicate => "duplicate",
            Self::Rejected => "rejected",
            Self::Conflict => "conflict",
            Self::Unknown => "unknown",
            Self::Error => "error",
            Self::Abandoned => "abandoned",
        }
    }

    /// Whether something is broken. Conflicts and refusals are the business of whoever calls.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        matches!(self, Self::Unknown | Self::Error)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
