//! Who has the pen: the thread that writes, or a caller that is alone.
//!
//! # Hazard
//! To hand an append to the thread and to be woken for its answer takes two wake-ups, and its
//! events go from the memory of one processor to another and back: of an append of 100 events by
//! one task that is a fifth. But a thread of a runtime that writes waits for the disk, and
//! meanwhile other tasks wait for it; and if each caller wrote for itself, none would share a
//! commit.
//! # Mechanism
//! A caller writes its own append, and no other, when it is alone: no other append is under way,
//! the last ones were not many at once either, commits have been quick of late, and its runtime
//! has other threads for its other tasks. The pen lies in a mutex that callers only try. Where
//! another process has the lock of the file, the caller hands its append to the thread, which
//! waits. Every so often a lone caller goes by the thread all the same: while it waits there,
//! tasks that had no chance to run beside it do, and then it is no longer alone. And it gives way
//! to other tasks of its thread after each millisecond of writing.
//! # Why it is sound
//! Whoever writes holds the mutex from before its transaction to behind it. An append in the
//! queue holds a place, so a caller that comes later finds that it is not alone: the thread waits
//! for the transaction of one caller at most, and no caller for another.
//! # What it costs
//! Tasks that only this thread of the runtime can run wait for a commit, sometimes; a future that
//! writes cannot be dropped in the middle. Nothing in it can panic but what an observer does.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, TryLockError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use es_core::{ErrorKind, Receipt, Result};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::Semaphore,
};

use super::{observe::Commit, pen::Pen, queue::Pending};
use crate::error::unanswered;

/// Callers write while a commit takes less, on average: in microseconds. Where it takes more, the
/// way to the thread is little of it.
const QUICK: u32 = 1_000;
/// Behind so many microseconds of writing a caller lets other tasks of its thread run.
const HELD: u32 = 1_000;
/// So many commits behind one that was shared, or waited for, are left to the thread.
const WHILE_MANY: u32 = 16;
/// So many appends of lone callers, and the next goes by the thread.
const IN_A_ROW: u32 = 32;

/// Where the pen lies while nobody writes.
pub(crate) struct Desk {
    pen: Mutex<Pen>,
    /// The places of the queue that are free, of so many.
    room: Arc<Semaphore>,
    places: usize,
    /// Whether callers may write at all.
    is_open: bool,
    // All of these are hints, and written by whoever has the pen.
    /// How many commits are left to the thread.
    detours: AtomicU32,
    /// Microseconds that a commit takes.
    pace: AtomicU32,
    /// Microseconds of writing since a caller gave way.
    held: AtomicU32,
    in_a_row: AtomicU32,
}

/// What came of an append where it was asked for.
pub(crate) enum Attempt {
    /// It is done. Whether other tasks should have their turn now.
    Done(Result<Receipt>, bool),
    /// It is for the thread to do.
    ForTheThread(Box<Pending>),
}

impl Desk {
    /// `room` has so many `places`, one of which each append holds.
    pub(crate) fn new(pen: Pen, (room, places): (Arc<Semaphore>, usize), is_open: bool) -> Self {
        Self {
            pen: Mutex::new(pen),
            room,
            places,
            is_open,
            detours: AtomicU32::new(0),
            pace: AtomicU32::new(0),
            held: AtomicU32::new(0),
            in_a_row: AtomicU32::new(0),
        }
    }

    /// Takes the pen, for the thread: after a lone caller, if there is one.
    pub(super) fn wait(&self) -> MutexGuard<'_, Pen> {
        // Whoever panicked has left it as one can go on with.
        let pen = self.pen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.in_a_row.store(0, Ordering::Relaxed);
        pen
    }

    /// Writes the append here and now, if its caller is alone.
    pub(crate) fn attempt(&self, pending: Box<Pending>) -> Attempt {
        if self.is_for_the_thread() {
            return Attempt::ForTheThread(pending);
        }
        let mut pen = match self.pen.try_lock() {
            Ok(pen) => pen,
            Err(TryLockError::Poisoned(pen)) => pen.into_inner(),
            Err(TryLockError::WouldBlock) => return Attempt::ForTheThread(pending),
        };
        let begun = Instant::now();
        // An observer may panic, and then the pen must not be left in a transaction.
        let written = catch_unwind(AssertUnwindSafe(|| write(&mut pen, &pending)));
        match written {
            Ok(None) => Attempt::ForTheThread(pending),
            Ok(Some(result)) => {
                self.committed(1, begun.elapsed());
                let is_due = pen.carrier.as_mut().is_some_and(|carrier| carrier.committed());
                if is_due {
                    // It waits for readers: the thread does, behind its next commit.
                    self.leave_to_the_thread(1);
                }
                Attempt::Done(result, self.is_to_give_way(begun.elapsed()))
            }
            Err(_) => {
                pen.recover();
                Attempt::Done(Err(unanswered()), false)
            }
        }
    }

    /// Notes how a commit of so many appends went, which hold their places still.
    pub(super) fn committed(&self, appends: usize, took: Duration) {
        let took = micros(took).min(100 * QUICK);
        let pace = self.pace.load(Ordering::Relaxed);
        self.pace.store(pace - pace / 8 + took / 8, Ordering::Relaxed);
        if appends > 1 || self.under_way() > appends {
            self.leave_to_the_thread(WHILE_MANY);
        } else {
            let left = self.detours.load(Ordering::Relaxed);
            self.detours.store(left.saturating_sub(1), Ordering::Relaxed);
        }
    }

    fn is_for_the_thread(&self) -> bool {
        !self.is_open
            || self.under_way() > 1
            || self.detours.load(Ordering::Relaxed) > 0
            || self.pace.load(Ordering::Relaxed) >= QUICK
            || !has_threads_beside()
            || self.in_a_row.fetch_add(1, Ordering::Relaxed) >= IN_A_ROW
    }

    fn under_way(&self) -> usize {
        self.places.saturating_sub(self.room.available_permits())
    }

    fn leave_to_the_thread(&self, commits: u32) {
        let left = self.detours.load(Ordering::Relaxed);
        self.detours.store(left.max(commits), Ordering::Relaxed);
    }

    fn is_to_give_way(&self, took: Duration) -> bool {
        let held = self.held.load(Ordering::Relaxed).saturating_add(micros(took));
        let is_long = held >= HELD;
        self.held.store(if is_long { 0 } else { held }, Ordering::Relaxed);
        is_long
    }
}

/// Writes the append of a lone caller; nothing where somebody else has the lock of the file.
fn write(pen: &mut Pen, pending: &Pending) -> Option<Result<Receipt>> {
    let commit = pen.observer.as_ref().map(|_| Commit::begin(pending.begun));
    if let Err(error) = pending.check_deadline().and_then(|()| pen.begin()) {
        if error.kind() == ErrorKind::Busy {
            return None;
        }
        pen.tell(commit, 1, false);
        return Some(Err(error));
    }
    let before = pen.head();
    let result = pen.decider().append(&pending.request, &pending.looked);
    Some(pen.end(before, commit, 1).and(result))
}

/// Whether the caller is a task of a runtime that has threads for its other tasks as well.
fn has_threads_beside() -> bool {
    Handle::try_current().is_ok_and(|runtime| {
        matches!(runtime.runtime_flavor(), RuntimeFlavor::MultiThread)
            && runtime.metrics().num_workers() > 1
    })
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
