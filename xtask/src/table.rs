//! The closing table of a verb that runs several things: name, outcome, seconds.

use std::fmt;
use std::time::Duration;

use crate::run::Outcome;

/// What ran, under the name of its first column.
pub(crate) struct Table {
    heading: &'static str,
    rows: Vec<(String, Outcome, Duration)>,
}

impl Table {
    pub(crate) fn new(heading: &'static str) -> Self {
        Self { heading, rows: Vec::new() }
    }

    pub(crate) fn push(&mut self, name: &str, outcome: Outcome, took: Duration) {
        self.rows.push((name.to_owned(), outcome, took));
    }

    pub(crate) fn all_passed(&self) -> bool {
        let mut outcomes = self.rows.iter().map(|(_, outcome, _)| outcome);
        outcomes.all(|outcome| *outcome == Outcome::Passed)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.rows.iter().map(|(name, ..)| name.len());
        let width = names.chain([self.heading.len()]).max().unwrap_or(0);
        writeln!(f, "{:width$}  outcome  seconds", self.heading)?;
        for (name, outcome, took) in &self.rows {
            let word = match outcome {
                Outcome::Passed => "ok",
                Outcome::Failed(_) => "failed",
            };
            let seconds = took.as_secs_f64();
            writeln!(f, "{name:width$}  {word:7}  {seconds:7.1}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
