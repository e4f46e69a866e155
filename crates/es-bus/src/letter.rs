//! Dead letters together with their events.

use es_core::{DeadLetter, Recorded};

/// A dead letter and the event that it is about.
///
/// The letter keeps the error with its causes, the number of attempts and where the event
/// comes from; `cause` is `None` and `attempts` 0 for one that only waits behind another of
/// its stream.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct KeptLetter {
    /// What is known of the failure.
    pub letter: DeadLetter,
    /// The event.
    pub event: Recorded,
}

/// What trying dead letters again has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replayed {
    /// How many were handled, and are no dead letters any more.
    pub handled: u64,
    /// How many dead letters are left.
    pub left: u64,
}
