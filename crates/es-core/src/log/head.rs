//! Which log it is and how far it has come.

use super::{LogId, Position};
use crate::EventId;

/// Which log it is and how far it has come.
///
/// Two heads are equal when those two are, whoever was asked.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// The log.
    pub log: LogId,
    /// The position of its last event; [`Position::START`] when it is empty.
    pub position: Position,
    last: Option<EventId>,
    term: u64,
}

impl Head {
    /// Puts the two together.
    #[must_use]
    pub const fn new(log: LogId, position: Position) -> Self {
        Self { log, position, last: None, term: 0 }
    }

    /// Says which event is at the head, and in which term of the store that was seen: another
    /// number wherever the end of the log may have been lost in between, as after a restart of
    /// its server, or when another one took its place. A follower that meets another term looks
    /// whether the log still has what it was told of, and answers `LogDiverged` if it has not.
    ///
    /// A store whose log cannot lose its end says nothing, and is in term 0 for ever.
    #[must_use]
    pub const fn in_term(mut self, term: u64, last: Option<EventId>) -> Self {
        (self.term, self.last) = (term, last);
        self
    }

    /// The last event, if the store says which it is.
    #[must_use]
    pub const fn last(&self) -> Option<EventId> {
        self.last
    }

    /// The term of the store in which this was seen; 0 where there is but one.
    #[must_use]
    pub const fn term(&self) -> u64 {
        self.term
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        (self.log, self.position) == (other.log, other.position)
    }
}

impl Eq for Head {}
