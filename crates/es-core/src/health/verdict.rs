//! Whether one thing is well.

use std::fmt;

/// Whether something is well, for whoever is woken when it is not (P4).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// Somebody works, and the work gets on.
    Healthy,
    /// The work gets on, but somebody should look.
    Degraded(String),
    /// Nobody works, or the work does not get on, or nobody knows.
    Unhealthy(String),
}

impl Health {
    /// Whether it is red: dead, stuck, or blind.
    #[must_use]
    pub const fn is_unhealthy(&self) -> bool {
        matches!(self, Self::Unhealthy(_))
    }

    /// One word for it: `healthy`, `degraded` or `unhealthy`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded(_) => "degraded",
            Self::Unhealthy(_) => "unhealthy",
        }
    }

    /// Why it is not healthy.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Healthy => None,
            Self::Degraded(why) | Self::Unhealthy(why) => Some(why),
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            None => f.write_str(self.as_str()),
            Some(why) => write!(f, "{}: {why}", self.as_str()),
        }
    }
}
