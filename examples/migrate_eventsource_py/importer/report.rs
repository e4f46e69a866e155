//! What became of the rows.

use std::fmt;

/// What became of the rows of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Events that were written.
    pub imported: u64,
    /// Events that the log had already.
    pub known: u64,
    /// Rows that were not looked at, because an earlier row of their stream is bad.
    pub held: u64,
    /// Rows that cannot be imported; at most one of each stream.
    pub bad: Vec<BadRow>,
}

/// A row that cannot be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// Its key in the source.
    pub key: String,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { imported, known, held, bad } = self;
        for BadRow { key, why } in bad {
            writeln!(f, "bad row: {key}: {why}")?;
        }
        write!(f, "{imported} imported, {known} known already, {} bad, {held} held", bad.len())
    }
}
