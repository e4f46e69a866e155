//! Which log it is and how far it has come.

use super::{LogId, Position};

/// Which log it is and how far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The log.
    pub log: LogId,
    /// The position of its last event; [`Position::START`] when it is empty.
    pub position: Position,
}

impl Head {
    /// Puts the two together.
    #[must_use]
    pub const fn new(log: LogId, position: Position) -> Self {
        Self { log, position }
    }
}
