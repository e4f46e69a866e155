//! The write-ahead log, carried over into the file beside those who append.
//!
//! # Hazard
//! SQLite carries the log over in the commit that takes it beyond 1,000 pages. The appends of
//! that commit, and those that arrive meanwhile, wait for hundreds of pages to be copied and
//! for the disk to have them; and under load one commit in some seventy is such a one.
//! # Mechanism
//! The connection that writes does not. A thread with a connection of its own copies whenever
//! the log has grown by some pages, in a mode that takes nothing a writer or a reader wants.
//! But a log is begun anew only by a writer who finds all of it carried over and nobody
//! reading in it, and while commits go on there is always one that is not. So behind some
//! more pages the writer carries over the last few itself, between two commits, and waits a
//! moment for readers who were there before.
//! # Why it is sound
//! Whichever connection carries pages over, SQLite has the disk keep the log before it copies,
//! and the file before the log may be begun anew; both connections are set to sync as the
//! writer's commits do. Nothing rests on the thread: where it is slow, fails, or has ended,
//! the writer does all of it, at a size that is a bound. Nobody's answer rests on either.
//! # What it costs
//! Under load a log of 16 MiB, and of 32 at the bound, where SQLite has one of 4; a thread that
//! mostly sleeps. While somebody reads for long (a backup), the log grows, as it always did.

mod schedule;

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use es_core::Result;
use rusqlite::{Connection, MAIN_DB, wal::CheckpointMode};

use self::schedule::{Act, Found, Schedule};
use crate::{
    error::from_driver,
    open::patiently,
    readers::{end, spawn},
};

/// Pages of the log from which on a connection of something else in the same file carries it
/// over in its own commits: more than the writer ever leaves while nobody reads for long.
pub(crate) const FOR_OTHERS: u32 = schedule::FOR_OTHERS;

/// How long the writer waits for readers to leave the log. A page of a read takes less.
const READERS: Duration = Duration::from_millis(10);

/// Carries the log over; a part of the thread that writes. Its own thread ends with it.
pub(crate) struct Carrier {
    /// How long the log was behind the last commit of the writer.
    pages: Arc<AtomicU32>,
    schedule: Schedule,
    /// The log is to begin anew.
    is_due: bool,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_asked: bool,
    is_closed: bool,
    /// What the thread found last; nothing while it works or is asked to.
    found: Option<Found>,
}

impl Carrier {
    /// Takes over from `writer` what it did in its commits, for `other` to do.
    pub(crate) fn start(writer: &mut Connection, other: Connection) -> Result<Self> {
        let pages = Arc::new(AtomicU32::new(0));
        let told = Arc::clone(&pages);
        // It takes the place of the hook by which SQLite carries the log over itself.
        let hook = move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            told.store(pages.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        };
        writer.wal_hook(Some(hook)).map_err(from_driver)?;
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = spawn("es-sqlite-wal".to_owned(), move || theirs.carry(&other))?;
        Ok(Self { pages, schedule: Schedule::new(), is_due: false, shared, thread: Some(thread) })
    }

    /// The writer has committed. Gives whether the log is to begin anew, which takes longer.
    pub(crate) fn committed(&mut self) -> bool {
        let pages = self.pages.load(Ordering::Relaxed);
        let found = self.shared.lock().found;
        match self.schedule.next(pages, found) {
            Act::Nothing => {}
            Act::Ask => self.shared.ask(),
            Act::Finish => self.is_due = true,
        }
        self.is_due
    }

    /// Begins the log anew, once it is due. Waits a moment for those who read in it.
    pub(crate) fn finish(&mut self, writer: &Connection) {
        self.is_due = false;
        let restart = || {
            let mode = CheckpointMode::RESTART;
            writer.wal_checkpoint_v2(Some(MAIN_DB), mode).map_err(from_driver)
        };
        // Whoever is in the way, and whatever fails: it is tried again later on.
        if let Err(error) = patiently(READERS, restart) {
            tracing::debug!(%error, "the write-ahead log could not begin anew");
        }
    }
}

impl Shared {
    fn carry(&self, connection: &Connection) {
        while self.next() {
            let mode = CheckpointMode::PASSIVE;
            let found = match connection.wal_checkpoint_v2(Some(MAIN_DB), mode) {
                Ok((pages, carried)) if carried >= pages => Found::Through,
                Ok(_) => Found::InUse,
                Err(error) => {
                    // Another process that is at it already, or a disk that fails.
                    tracing::debug!(%error, "the write-ahead log could not be carried over");
                    Found::InUse
                }
            };
            self.lock().found = Some(found);
        }
    }

    /// Waits until there is something to do; `false` once it is over.
    fn next(&self) -> bool {
        let idle = |state: &mut State| !state.is_asked && !state.is_closed;
        let state = self.changed.wait_while(self.lock(), idle);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.is_asked = false;
        !state.is_closed
    }

    fn ask(&self) {
        let mut state = self.lock();
        (state.is_asked, state.found) = (true, None);
        drop(state);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in it can be half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            end(thread);
        }
    }
}

#[cfg(test)]
mod tests;
