//! What must come of an append, and whether the store's answer is that.

use std::fmt::{self, Display};

use es_core::{Conflict, ErrorKind, EventId, Position, Query, Receipt, Result, StreamId, Version};

use super::Model;
use crate::machine::compare::Mismatch;

/// What must come of an append.
#[derive(Clone, Debug)]
pub(in crate::machine) enum Outcome {
    Written {
        versions: Vec<(StreamId, Version)>,
        count: u64,
    },
    Replayed(Receipt),
    /// The ids that are known: the store may name any of them.
    Clash(Vec<(EventId, Position)>),
    Conflict(Conflict),
    ConditionFailed {
        query: Query,
        after: Position,
        /// Whatever matches: the store may name any of them.
        found: Vec<Position>,
    },
    Unsupported,
}

impl Outcome {
    /// Whether the store's answer is this. Only it decides on positions and times, but the
    /// log must not go back in either.
    pub(super) fn compare(&self, model: &Model, answer: &Result<Receipt>) -> Result<(), Mismatch> {
        let is_so = match (self, answer) {
            (Self::Written { versions, count }, Ok(receipt)) => {
                let (first, last) = (receipt.first.get(), receipt.last.get());
                let is_behind = first > model.head().get()
                    && last.checked_sub(first).is_some_and(|more| more >= count - 1)
                    && model.last_recorded_at().is_none_or(|at| receipt.recorded_at >= at);
                is_behind
                    && !receipt.replayed
                    && receipt.log == model.log
                    && receipt.versions == *versions
            }
            (Self::Replayed(first), Ok(receipt)) => receipt == first,
            (Self::Clash(known), Err(error)) => error
                .idempotency_clash()
                .is_some_and(|clash| known.contains(&(clash.event, clash.position))),
            (Self::Conflict(wanted), Err(error)) => error.conflict() == Some(wanted),
            (Self::ConditionFailed { query, after, found }, Err(error)) => {
                error.condition_failed().is_some_and(|failed| {
                    failed.query == *query
                        && failed.after == *after
                        && found.contains(&failed.found)
                })
            }
            (Self::Unsupported, Err(error)) => error.kind() == ErrorKind::Unsupported,
            _ => false,
        };
        if is_so {
            return Ok(());
        }
        let behind = match self {
            Self::Written { .. } => {
                let at = model.last_recorded_at();
                let at = at.map_or_else(String::new, |at| format!(" and not before {at}"));
                format!(", all behind position {}{at}", model.head())
            }
            _ => String::new(),
        };
        Err(Mismatch::new(format!("{self}{behind}"), shown(answer)))
    }
}

/// An answer, for people.
pub(in crate::machine) fn shown(answer: &Result<Receipt>) -> String {
    match answer {
        Ok(receipt) => {
            let Receipt { log, first, last, recorded_at, .. } = receipt;
            let how = if receipt.replayed { "replayed" } else { "written" };
            let versions = Versions(&receipt.versions);
            let at = match first == last {
                true => format!("position {first}"),
                false => format!("positions {first} to {last}"),
            };
            format!("{how} at {at}, {versions}, at {recorded_at}, in {log}")
        }
        Err(error) => format!("{}: {error}", error.kind()),
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Written { versions, count } => {
                let plural = if *count == 1 { "" } else { "s" };
                write!(f, "{count} event{plural} written, {}", Versions(versions))
            }
            Self::Replayed(receipt) => {
                write!(f, "the first receipt again: {}", { shown(&Ok(receipt.clone())) })
            }
            Self::Clash(known) => {
                f.write_str("an idempotency clash that names one of")?;
                known.iter().try_for_each(|(id, at)| write!(f, " {id} at position {at}"))
            }
            Self::Conflict(conflict) => write!(f, "a conflict: {conflict}"),
            Self::ConditionFailed { query, after, found } => {
                write!(f, "a failed condition ({query}) behind position {after}, found at one of")?;
                found.iter().try_for_each(|at| write!(f, " {at}"))
            }
            Self::Unsupported => f.write_str("unsupported"),
        }
    }
}

struct Versions<'a>(&'a [(StreamId, Version)]);

impl Display for Versions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (stream, version)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{stream} at version {version}")?;
        }
        Ok(())
    }
}
