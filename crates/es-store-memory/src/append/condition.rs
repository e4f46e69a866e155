//! `unless` conditions: that nothing which matches a query lies behind a position.
//!
//! The history up to the head is searched before the writer's lock is taken, in steps that
//! let others run. Under the lock only what was appended meanwhile is left: nothing new
//! appears at or below a head that was seen (L2).

use es_core::{AppendRequest, ConditionFailed, Position, Read, Result, Unless};

use super::deadline::Deadline;
use crate::{
    read::{Scan, Step, yield_now},
    shared::Shared,
};

/// One condition and how far it has been checked.
pub(super) struct Condition {
    unless: Unless,
    /// What it excludes, newest first.
    read: Read,
    /// The last position up to `seen` that matches.
    found: Option<Position>,
    /// Up to where the log was searched.
    seen: u32,
}

impl Condition {
    pub(super) fn all_of(request: &AppendRequest) -> Vec<Self> {
        let conditions = request.unless().iter();
        conditions.map(|unless| Self::new(unless, request)).collect()
    }

    fn new(unless: &Unless, request: &AppendRequest) -> Self {
        let read =
            Read::all().matching(unless.query.clone()).after(unless.after).backward().limit(1);
        Self {
            unless: unless.clone(),
            read: match request.tenant() {
                Some(tenant) => read.tenant(tenant.clone()),
                None => read,
            },
            found: None,
            seen: 0,
        }
    }

    /// Searches the log as it is now.
    pub(super) async fn look_ahead(&mut self, shared: &Shared, deadline: &Deadline) -> Result<()> {
        let head = shared.published.head();
        let mut scan = Scan::new(shared, self.read.clone(), head);
        while !self.step(&mut scan, shared)? {
            deadline.check()?;
            yield_now().await;
        }
        self.seen = head;
        Ok(())
    }

    /// Searches what came since, and says whether the condition holds. For the one who
    /// holds the writer's lock.
    pub(super) fn check(&mut self, shared: &Shared) -> Result<()> {
        let head = shared.published.head();
        if head > self.seen {
            let seen = Position::new(u64::from(self.seen)).max(self.unless.after);
            let mut scan = Scan::new(shared, self.read.clone().after(seen), head);
            while !self.step(&mut scan, shared)? {}
            self.seen = head;
        }
        match self.found {
            None => Ok(()),
            Some(found) => {
                let Unless { query, after, .. } = self.unless.clone();
                Err(ConditionFailed::new(query, after, found).into())
            }
        }
    }

    /// Searches on; `true` once the search is over.
    fn step(&mut self, scan: &mut Scan, shared: &Shared) -> Result<bool> {
        match scan.step(&shared.log)? {
            Step::Nothing => Ok(false),
            Step::Page(page) => {
                self.found = page.first().map(|event| event.position).or(self.found);
                Ok(true)
            }
            Step::End => Ok(true),
        }
    }
}
