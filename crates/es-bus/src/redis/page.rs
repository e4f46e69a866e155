//! How many entries are asked for at once.
//!
//! *Hazard.* An event may be large. A page that takes longer than a command may is never there, and
//! whoever asks for the same page again is stuck.
//! *Mechanism.* The first page is small, and the next ones are as large as those before say that
//! they may be. After a failure the page is smaller, down to one entry.

use super::message::Entry;

const FIRST: usize = 16;
const MOST: usize = 128;
/// What a page is to be of, about: a third of a second over 100 Mbit/s.
const BYTES: usize = 4 << 20;
/// By how much a page grows or shrinks at once.
const STEP: usize = 4;

#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    size: usize,
}

impl Page {
    pub(super) const fn first() -> Self {
        Self { size: FIRST }
    }

    /// How many entries to ask for.
    pub(super) const fn size(self) -> usize {
        self.size
    }

    /// These came.
    pub(super) fn came(&mut self, entries: &[Entry]) {
        let bytes: usize = entries.iter().map(Entry::bytes).sum();
        if let Some(each) = bytes.checked_div(entries.len()) {
            let grown = self.size.saturating_mul(STEP).min(MOST);
            self.size = (BYTES / each.max(1)).clamp(1, grown);
        }
    }

    /// Nothing came.
    pub(super) fn failed(&mut self) {
        self.size = (self.size / STEP).max(1);
    }
}
