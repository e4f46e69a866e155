//! The report of a history that went wrong.

use std::{error::Error, fmt};

use super::{compare::Mismatch, transcript::Transcript};

/// A history that went wrong, as short as it could be made.
///
/// `Display` and `Debug` print the report: what was done, what was expected and what came.
/// Events are named e1, e2 and so on, in the order in which they were made.
pub struct Failure {
    pub(super) store: String,
    pub(super) seed: u64,
    pub(super) history: u32,
    pub(super) drawn: usize,
    pub(super) operations: usize,
    pub(super) expected: String,
    pub(super) came: String,
    pub(super) lines: Vec<String>,
}

/// Where a history comes from and how long it was and is.
pub(super) struct Origin {
    pub(super) store: String,
    pub(super) seed: u64,
    pub(super) history: u32,
    pub(super) drawn: usize,
    pub(super) operations: usize,
}

impl Failure {
    pub(super) fn new(origin: Origin, mismatch: &Mismatch, told: &Transcript) -> Self {
        let Origin { store, seed, history, drawn, operations } = origin;
        let (expected, came) = (told.named(&mismatch.expected), told.named(&mismatch.came));
        Self { store, seed, history, drawn, operations, expected, came, lines: told.lines() }
    }

    /// How many operations the shortest history has that still goes wrong.
    #[must_use]
    pub const fn operations(&self) -> usize {
        self.operations
    }

    /// Which history of the run it was, from 1.
    #[must_use]
    pub const fn history(&self) -> u32 {
        self.history
    }

    /// The seed that the histories were drawn from.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// What the model answers where the two part.
    #[must_use]
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// What the store answers there.
    #[must_use]
    pub fn came(&self) -> &str {
        &self.came
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { store, seed, history, drawn, operations, expected, came, lines } = self;
        writeln!(f, "the store does not do what the model does: {store}")?;
        writeln!(
            f,
            "history {history} of seed {seed:#x}, shrunk from {drawn} operations to {operations}:\n"
        )?;
        for (number, line) in (1..).zip(lines) {
            writeln!(f, "{number:3}. {line}")?;
        }
        writeln!(f, "\n  expected: {expected}")?;
        writeln!(f, "  came:     {came}\n")?;
        write!(f, "again: ES_TESTKIT_SEED={seed:#x} ES_TESTKIT_HISTORIES={history}")
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Failure {}
