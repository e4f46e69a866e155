//! How often what came up: a run that never met a conflict has proved nothing about them.

use std::{fmt, ops::AddAssign};

/// How often what came up, in all histories together.
///
/// It is what a test of the machine itself looks at, and what a run prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// Histories that were played.
    pub histories: u64,
    /// Appends that were written.
    pub written: u64,
    /// Appends that were answered by their first receipt.
    pub replayed: u64,
    /// Appends that clashed with an earlier one.
    pub clashes: u64,
    /// Appends that met another version than they expected.
    pub conflicts: u64,
    /// Appends whose `unless` condition did not hold.
    pub failed_conditions: u64,
    /// Appends and reads that the store is not able to do, and said so.
    pub unsupported: u64,
    /// Appends that were dropped before they were answered, and made again.
    pub dropped: u64,
    /// Reads; versions and searches by id among them.
    pub reads: u64,
    /// Events that the reads yielded.
    pub events: u64,
    /// Followers that caught up.
    pub follows: u64,
    /// Times that several appended at once.
    pub contentions: u64,
    /// Times that several waited for an append.
    pub wakes: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.histories += other.histories;
        self.written += other.written;
        self.replayed += other.replayed;
        self.clashes += other.clashes;
        self.conflicts += other.conflicts;
        self.failed_conditions += other.failed_conditions;
        self.unsupported += other.unsupported;
        self.dropped += other.dropped;
        self.reads += other.reads;
        self.events += other.events;
        self.follows += other.follows;
        self.contentions += other.contentions;
        self.wakes += other.wakes;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { histories, written, replayed, clashes, conflicts, .. } = self;
        let Self { failed_conditions, unsupported, dropped, reads, events, .. } = self;
        let Self { follows, contentions, wakes, .. } = self;
        write!(
            f,
            "{histories} histories: {written} appends written, {replayed} replayed, {clashes} \
             clashes, {conflicts} conflicts, {failed_conditions} failed conditions, {unsupported} \
             unsupported, {dropped} dropped; {reads} reads of {events} events; {follows} follows, {contentions} \
             contentions, {wakes} wakes"
        )
    }
}
