//! A scan: the events of a plan that the read covers, in bounded steps.

use std::sync::Arc;

use es_core::{Error, Read, Recorded, Result, Selection, TenantScope};

use super::{
    merge::Merge,
    plan::{plan, plan_of},
};
use crate::{log::Log, shared::Shared};

/// The most events of one page.
const PAGE: usize = 256;

/// How many events are looked at in one step, so that a scan which finds nothing for long
/// lets others run.
const STEP: usize = 1024;

/// The events that a read covers in the log as it was at one moment.
pub(crate) struct Scan {
    read: Read,
    positions: Merge,
    /// How many more events may be yielded.
    limit: u64,
    /// Whether the read covers whatever is in the plan.
    is_exact: bool,
}

/// What one step of a scan brought.
pub(crate) enum Step {
    /// Events, at least one.
    Page(Vec<Recorded>),
    /// Nothing yet, and there is more to look at.
    Nothing,
    /// There is nothing more.
    End,
}

impl Scan {
    /// Plans the scan of all that `read` covers up to `head`.
    pub(crate) fn new(shared: &Shared, mut read: Read, head: u32) -> Self {
        let limit = read.limit.unwrap_or(u64::MAX);
        let list = match &mut read.selection {
            Selection::Stream(stream) => shared.index.streams.intern(stream),
            _ => None,
        };
        let is_versioned = read.from_version.is_some() || read.to_version.is_some();
        let is_all =
            read.selection == Selection::All && read.tenants == TenantScope::All && !is_versioned;
        // The bounds of a plan are those of the read; of versions, for one stream only.
        let is_exact = read.query.is_any() && (list.is_some() || is_all);
        let positions = match list {
            Some(list) => Merge::of(plan_of(list, shared, &read, head), read.direction),
            None => Merge::new(plan(shared, &read, head), read.direction),
        };
        Self { read, positions, limit, is_exact }
    }

    /// Whether there is nothing more for sure.
    pub(crate) fn is_at_end(&self) -> bool {
        self.limit == 0 || self.positions.left() == 0
    }

    /// Goes on until a page is full, the end is reached or enough was looked at.
    ///
    /// # Errors
    /// `Fault` when the index names an event that the log does not have.
    pub(crate) fn step(&mut self, log: &Log) -> Result<Step> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let size = limit.min(PAGE);
        if self.is_exact
            && let Some(positions) = self.positions.next_block(size)
        {
            return self.page_of(log, &positions, size);
        }
        let mut page = Vec::new();
        for _ in 0..STEP {
            if page.len() == size {
                break;
            }
            let Some(position) = self.positions.next() else {
                self.limit = 0;
                break;
            };
            let envelope = log.get(position).ok_or_else(|| lost(position))?;
            if self.read.covers(envelope) {
                if page.is_empty() {
                    page.reserve_exact(size.min(self.positions.left() + 1));
                }
                page.push(Recorded::new(Arc::clone(envelope)));
            }
        }
        Ok(self.turn(page))
    }

    /// A page of all that is at these positions, of which there are fewer than `size` only at
    /// the end.
    fn page_of(&mut self, log: &Log, positions: &[u32], size: usize) -> Result<Step> {
        let mut page = Vec::with_capacity(positions.len());
        for &position in positions {
            let envelope = log.get(position).ok_or_else(|| lost(position))?;
            debug_assert!(self.read.covers(envelope), "{position} is not covered: {:?}", self.read);
            page.push(Recorded::new(Arc::clone(envelope)));
        }
        if page.len() < size {
            self.limit = 0;
        }
        Ok(self.turn(page))
    }

    fn turn(&mut self, page: Vec<Recorded>) -> Step {
        self.limit -= (page.len() as u64).min(self.limit);
        match (page.is_empty(), self.limit) {
            (false, _) => Step::Page(page),
            (true, 0) => Step::End,
            (true, _) => Step::Nothing,
        }
    }
}

fn lost(position: u32) -> Error {
    Error::fault(
        format!("the memory store has lost the event at position {position}"),
        "its index names an event that its log does not have",
    )
}
