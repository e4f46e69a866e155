//! What is known about each kind of error.

use std::fmt;

use crate::{
    EventId, ExpectedVersion, Head, LogId, Position, Query, Schema, StreamId, SubscriberName,
    Version,
};

/// A stream was not at the version that the writer expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stream {stream} is at {}, not at {expected}", At(*actual))]
#[non_exhaustive]
pub struct Conflict {
    /// The stream.
    pub stream: StreamId,
    /// What the writer expected.
    pub expected: ExpectedVersion,
    /// The version of the stream's last event; `None` when it has none.
    pub actual: Option<Version>,
}

impl Conflict {
    /// Puts the three together. For stores.
    #[must_use]
    pub const fn new(stream: StreamId, expected: ExpectedVersion, actual: Option<Version>) -> Self {
        Self { stream, expected, actual }
    }
}

/// A version that may be absent, in words.
struct At(Option<Version>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(version) => write!(f, "version {version}"),
            None => f.write_str("no version (it has no events)"),
        }
    }
}

/// An event that an `unless` condition excludes is in the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event at position {found} matches ({query}) after position {after}")]
#[non_exhaustive]
pub struct ConditionFailed {
    /// What was to be absent.
    pub query: Query,
    /// After which position.
    pub after: Position,
    /// Where such an event is; the last one where the store knows several.
    pub found: Position,
}

impl ConditionFailed {
    /// Puts the three together. For stores.
    #[must_use]
    pub const fn new(query: Query, after: Position, found: Position) -> Self {
        Self { query, after, found }
    }
}

/// An event id is in the log already, and this append is not a repetition of that one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "event id {event} is at position {position} already, and this is not the same append: \
     give new events new ids, and repeat an append whole"
)]
#[non_exhaustive]
pub struct IdempotencyClash {
    /// The id.
    pub event: EventId,
    /// Where the log has it.
    pub position: Position,
}

impl IdempotencyClash {
    /// Puts the two together. For stores.
    #[must_use]
    pub const fn new(event: EventId, position: Position) -> Self {
        Self { event, position }
    }
}

/// A recorded event that the reader has no type for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown event {schema}{}; known are: {}", Place(*position), List(known))]
#[non_exhaustive]
pub struct UnknownEvent {
    /// The schema that was found.
    pub schema: Schema,
    /// The schemas that the reader knows.
    pub known: Vec<Schema>,
    /// Where the event is, once known.
    pub position: Option<Position>,
}

/// A recorded event whose payload does not fit its schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the payload of {schema}{} does not decode", Place(*position))]
#[non_exhaustive]
pub struct Undecodable {
    /// The event's schema.
    pub schema: Schema,
    /// The event, once known.
    pub event: Option<EventId>,
    /// The stream that it belongs to, once known.
    pub stream: Option<StreamId>,
    /// Where it is, once known.
    pub position: Option<Position>,
}

struct Place(Option<Position>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |position| write!(f, " at position {position}"))
    }
}

struct List<'a>(&'a [Schema]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (at, schema) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{} v{}", schema.name, schema.version)?;
        }
        Ok(())
    }
}

/// The log is not the one that a reader knew.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Diverged {
    /// It is another log.
    #[error("expected log {expected}, found log {found}: the store was replaced or restored")]
    Replaced {
        /// The log that the reader knew.
        expected: LogId,
        /// The log that is there.
        found: LogId,
    },
    /// It is shorter than it was.
    #[error(
        "a reader was at position {reader}, but log {} ends at {}: the store was rolled back",
        head.log, head.position
    )]
    RolledBack {
        /// Where the reader was.
        reader: Position,
        /// Where the log ends.
        head: Head,
    },
    /// It has another event where the reader was.
    #[error("expected event {expected} at position {position}: the log has another history")]
    Rewritten {
        /// Where.
        position: Position,
        /// The event that the reader saw there.
        expected: EventId,
    },
}

/// Another worker owns a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("epoch {held} of {subscriber} is over: epoch {current} has begun")]
#[non_exhaustive]
pub struct Fenced {
    /// Whose checkpoint it is.
    pub subscriber: SubscriberName,
    /// The epoch that the caller holds.
    pub held: u64,
    /// The epoch that is in force.
    pub current: u64,
}

impl Fenced {
    /// Puts the three together. For stores.
    #[must_use]
    pub const fn new(subscriber: SubscriberName, held: u64, current: u64) -> Self {
        Self { subscriber, held, current }
    }
}
