//! When the write-ahead log is carried over, and by whom.

/// The log grows by so many pages between two visits of the thread. A visit takes a part of the
/// processor and of the disk from the commits beside it: few pages at a time are felt less.
const STEP: u32 = 500;
/// The writer begins a log of so many pages anew: seldom enough that one commit in some
/// hundreds waits for it.
const ANEW: u32 = 4_000;
/// It does so from here on even if the thread has not been able to come through.
const BOUND: u32 = 2 * ANEW;
/// The thread comes through so often before the writer begins anew: the second time there is
/// little left, and little that the disk does not have.
const VISITS: u32 = 2;

/// What the writer does behind a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Nothing,
    /// It asks the thread to carry over what is there.
    Ask,
    /// It carries over what is left, so that the log begins anew.
    Finish,
}

/// What the thread found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It carried over all that was there when it came.
    Through,
    /// Somebody reads in the log, or something else was in the way.
    InUse,
}

/// What has been done about the log as it is now.
#[derive(Debug)]
pub(super) struct Schedule {
    pages: u32,
    ask_at: u32,
    finish_at: u32,
    bound: u32,
    /// How often the thread has come through since the log was long enough to begin anew.
    visits: u32,
}

impl Schedule {
    pub(super) const fn new() -> Self {
        Self { pages: 0, ask_at: STEP, finish_at: ANEW, bound: BOUND, visits: 0 }
    }

    /// What to do now that the log has `pages`. `found` is what the thread found since it was
    /// asked last; nothing while it works.
    pub(super) fn next(&mut self, pages: u32, found: Option<Found>) -> Act {
        if pages < self.pages {
            // It has begun anew, whoever saw to that.
            *self = Self::new();
        }
        self.pages = pages;
        if pages >= self.bound {
            // Less and less often: if it does not help, somebody reads for long.
            self.bound = pages.saturating_add(pages / 2);
            return self.finish();
        }
        if pages >= self.finish_at && found == Some(Found::Through) {
            self.visits += 1;
            // What it found first is what there was before the log was long enough.
            return if self.visits > VISITS { self.finish() } else { self.ask() };
        }
        if pages >= self.ask_at { self.ask() } else { Act::Nothing }
    }

    const fn ask(&mut self) -> Act {
        self.ask_at = self.pages.saturating_add(STEP);
        Act::Ask
    }

    /// The next commit tells whether it helped: its pages are few again.
    const fn finish(&mut self) -> Act {
        self.finish_at = self.pages.saturating_add(STEP);
        self.visits = 0;
        Act::Finish
    }
}

#[cfg(test)]
mod tests;
