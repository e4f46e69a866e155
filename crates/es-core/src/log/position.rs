//! The place of an event in the log.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The place of an event in the log, over all streams; positions grow in commit order.
///
/// The first event has position 1 or more. [`Position::START`] is the place before it: a
/// reader that starts `after` it sees everything.
///
/// ```
/// use es_core::Position;
///
/// // What a reader has seen that has seen nothing.
/// assert_eq!(Position::START.get(), 0);
/// assert!(Position::new(7) > Position::START);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(u64);

impl Position {
    /// The place before the first event.
    pub const START: Self = Self(0);

    /// Makes a position from a number that a store has given.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The position as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl From<Position> for u64 {
    fn from(position: Position) -> Self {
        position.0
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.0)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
