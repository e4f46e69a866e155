//! What an observer is told.

use std::time::Duration;

use super::Outcome;
use crate::Recorded;

/// Something that happened. Match with `..`: fields may be added.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Observation<'a> {
    /// A store has committed appends together, or has failed to.
    Commit {
        /// The kind of store: `sqlite`.
        store: &'static str,
        /// How many appends shared the commit; those that were refused count.
        appends: usize,
        /// How long the one that waited longest had waited when the work on it began.
        waited: Duration,
        /// How long it took from there until all were answered.
        took: Duration,
        /// Whether the store could commit.
        is_committed: bool,
    },
    /// A command was executed on an aggregate.
    Command {
        /// The category of the aggregate.
        aggregate: &'static str,
        /// The type of the command, without its path.
        command: &'a str,
        /// How often it was decided on and sent; 1 without a conflict.
        attempts: u32,
        /// How it ended.
        outcome: Outcome,
        /// How long it took, with all attempts.
        took: Duration,
    },
    /// A snapshot was looked for.
    Snapshot {
        /// The category of the aggregate.
        aggregate: &'static str,
        /// What came of it.
        used: SnapshotUse,
    },
    /// A subscriber begins to work on events. It is told within the span of that work.
    WorkBegun {
        /// The name that its progress is kept under.
        subscriber: &'a str,
        /// What it works on, in the order of the log; never empty.
        events: &'a [Recorded],
        /// Whether they are history: events of a rebuild, or from before the subscriber was
        /// first started. What set them off is long over.
        is_history: bool,
    },
    /// A subscriber is done with events, whatever became of them.
    WorkDone {
        /// The name that its progress is kept under.
        subscriber: &'a str,
        /// How many it handled.
        handled: u64,
        /// How long it took, with retries.
        took: Duration,
        /// Whether it goes on.
        is_ok: bool,
    },
    /// An attempt of a subscriber has failed.
    AttemptFailed {
        /// The name that its progress is kept under.
        subscriber: &'a str,
        /// What failed: `handler` or `progress`.
        stage: &'static str,
    },
    /// A subscriber tries again what has failed.
    Retried {
        /// The name that its progress is kept under.
        subscriber: &'a str,
        /// What had failed: `handler` or `progress`.
        stage: &'static str,
    },
    /// A subscriber has stopped because the log is not the one that it knew, or lost its end
    /// (P7).
    Diverged {
        /// The name that the progress is kept under.
        subscriber: &'a str,
    },
    /// Events were parked: one that could not be handled, or those that wait behind it.
    Parked {
        /// The name that the progress is kept under.
        subscriber: &'a str,
        /// How many.
        events: u64,
    },
    /// A relay begins to publish events. It is told within the span of that.
    PublishBegun {
        /// The relay.
        relay: &'a str,
        /// The events, in the order of the log; never empty.
        events: &'a [Recorded],
        /// Whether they are history: from before the relay was first started.
        is_history: bool,
    },
    /// A transport has answered a relay.
    PublishDone {
        /// The relay.
        relay: &'a str,
        /// How many events the transport has taken.
        published: u64,
        /// How it ended.
        outcome: Outcome,
        /// How long it took.
        took: Duration,
    },
    /// A handler of the bus is given an event. It is told within the span of that, and not of
    /// history.
    ProcessBegun {
        /// The subscription.
        subscription: &'a str,
        /// The event.
        event: &'a Recorded,
    },
    /// A handler of the bus is done with an event.
    ProcessDone {
        /// The subscription.
        subscription: &'a str,
        /// How it ended: `Ok`, `Error` once it is a dead letter, or `Abandoned`.
        outcome: Outcome,
        /// How often it was tried again.
        retries: u64,
        /// How long it took, with retries and the pauses between them.
        took: Duration,
    },
    /// An event became a dead letter of a subscription, or waits behind one.
    DeadLetter {
        /// The subscription.
        subscription: &'a str,
    },
    /// A parked event was handled after all, or given up.
    Released {
        /// The name that the progress is kept under.
        subscriber: &'a str,
        /// Whether it was given up.
        is_skipped: bool,
    },
}

/// What came of looking for a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SnapshotUse {
    /// There was one, and the log agrees with it.
    Hit,
    /// There was none.
    Missing,
    /// There was one that could not be used, or its store failed.
    Unusable,
}

impl SnapshotUse {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Missing => "missing",
            Self::Unusable => "unusable",
        }
    }
}
