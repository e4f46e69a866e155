//! A run: ascending positions that come from one place.

use std::{ops::Range, sync::Arc};

use es_core::Direction;

use crate::{index::Untenanted, publish::Postings};

/// Ascending positions: every one up to some point, then those of a list. Either part may
/// be missing; what is behind the last part is not there.
pub(super) struct Run {
    all_up_to: u32,
    list: Option<Arc<Postings>>,
    /// Which of them are left, counted from 0.
    left: Range<u32>,
}

impl Run {
    /// All positions up to `head`.
    pub(super) const fn whole(head: u32) -> Self {
        Self { all_up_to: head, list: None, left: 0..head }
    }

    /// The positions of a list.
    pub(super) fn of(list: Arc<Postings>) -> Self {
        Self { all_up_to: 0, left: 0..list.len(), list: Some(list) }
    }

    /// The positions of streams without a tenant.
    pub(super) fn of_untenanted(untenanted: &Untenanted) -> Self {
        let all_up_to = untenanted.all_up_to;
        Self {
            all_up_to,
            left: 0..all_up_to + untenanted.behind.len(),
            list: Some(Arc::clone(&untenanted.behind)),
        }
    }

    /// Of these, the ones from `first` to `last`.
    pub(super) fn within(mut self, first: u32, last: u32) -> Self {
        let begin = self.count_up_to(first.saturating_sub(1));
        let end = self.count_up_to(last);
        self.left = self.left.start.max(begin)..self.left.end.min(end);
        self
    }

    /// Of these, the ones with these numbers, counted from 0 over the whole run.
    pub(super) fn numbered(mut self, numbers: Range<u32>) -> Self {
        self.left = self.left.start.max(numbers.start)..self.left.end.min(numbers.end);
        self
    }

    /// How many are left.
    pub(super) fn len(&self) -> u32 {
        self.left.end.saturating_sub(self.left.start)
    }

    /// Takes up to `count` positions off the front, or off the back, into `block`, the one
    /// to come first last.
    pub(super) fn take(&mut self, direction: Direction, count: u32, block: &mut Vec<u32>) {
        let count = count.min(self.len());
        let numbers = match direction {
            Direction::Forward => self.left.start..self.left.start + count,
            Direction::Backward => self.left.end - count..self.left.end,
        };
        block.clear();
        self.copy(numbers.clone(), block);
        match direction {
            Direction::Forward => {
                self.left.start = numbers.end;
                block.reverse();
            }
            Direction::Backward => self.left.end = numbers.start,
        }
    }

    fn copy(&self, numbers: Range<u32>, positions: &mut Vec<u32>) {
        let dense = numbers.start.min(self.all_up_to)..numbers.end.min(self.all_up_to);
        positions.extend(dense.map(|number| number + 1));
        if let Some(list) = &self.list {
            let start = numbers.start.saturating_sub(self.all_up_to);
            let end = numbers.end.saturating_sub(self.all_up_to);
            list.copy(start..end, positions);
        }
    }

    fn count_up_to(&self, position: u32) -> u32 {
        if position <= self.all_up_to {
            return position;
        }
        let of_list = self.list.as_ref().map_or(0, |list| list.count_up_to(position));
        self.all_up_to + of_list
    }
}
