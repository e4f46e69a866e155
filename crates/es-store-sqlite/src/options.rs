//! How a store is opened.

use std::time::Duration;

use es_core::{Error, Invalid, Result, SharedObserver};
use tokio::sync::Semaphore;

/// When a commit counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// Once the disk has it: an acknowledged append survives a power cut.
    Full,
    /// Once the operating system has it. Crashes of processes lose nothing; **a power cut
    /// may take all that was acknowledged since the last checkpoint of the write-ahead log**
    /// (some 1,000 pages, without a bound in time). The log stays whole and dense.
    Normal,
}

/// What becomes of an append when the queue of the writer is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// It waits for room.
    Wait,
    /// It fails at once with `Busy`, and nothing is written.
    Refuse,
}

/// How a store is opened.
///
/// ```
/// use es_store_sqlite::{SqliteOptions, WhenFull};
///
/// let options = SqliteOptions::new().with_queue(256)?.with_when_full(WhenFull::Refuse);
/// # Ok::<(), es_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SqliteOptions {
    pub(crate) synchronous: Synchronous,
    pub(crate) when_full: WhenFull,
    pub(crate) queue: usize,
    pub(crate) readers: usize,
    pub(crate) busy_timeout: Duration,
    pub(crate) poll_interval: Duration,
    pub(crate) max_pages: Option<u32>,
    pub(crate) callers_write: bool,
    pub(crate) observer: Option<SharedObserver>,
}

impl SqliteOptions {
    /// Durable, four readers, a queue of 1,024 appends that waits when it is full, 5 seconds
    /// of patience with other processes, and a look every 20 ms for what they wrote.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            synchronous: Synchronous::Full,
            when_full: WhenFull::Wait,
            queue: 1_024,
            readers: 4,
            busy_timeout: Duration::from_secs(5),
            poll_interval: Duration::from_millis(20),
            max_pages: None,
            callers_write: true,
            observer: None,
        }
    }

    /// When a commit counts as done.
    #[must_use]
    pub const fn with_synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// What becomes of appends when the queue is full.
    #[must_use]
    pub const fn with_when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// How many appends may wait for the writer.
    ///
    /// # Errors
    /// `Invalid` for 0.
    pub fn with_queue(mut self, appends: usize) -> Result<Self> {
        let appends = at_least_one("the queue of an SQLite store", appends)?;
        // More would be no bound that anybody reaches.
        self.queue = appends.min(Semaphore::MAX_PERMITS);
        Ok(self)
    }

    /// How many threads read, each with a connection; and how many connections serve short
    /// reads on the threads that ask. A log in memory has one connection for everything.
    ///
    /// # Errors
    /// `Invalid` for 0.
    pub fn with_readers(mut self, connections: usize) -> Result<Self> {
        self.readers = at_least_one("the readers of an SQLite store", connections)?;
        Ok(self)
    }

    /// How long the writer waits for another process that writes, before its appends fail
    /// with `Busy`. For each append it counts from when the lock was not to be had, or from when it
    /// was made if that is later: one that queues behind another does not wait anew. An append with
    /// a shorter deadline waits no longer than that.
    #[must_use]
    pub const fn with_busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// How often those who wait for events look for what other processes wrote. What this
    /// store writes wakes them at once.
    #[must_use]
    pub const fn with_poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// Lets the file grow to so many pages (of 4 KiB, mostly) and no further: appends beyond
    /// that fail with `Unavailable`, as on a full disk, and write nothing.
    #[must_use]
    pub const fn with_max_pages(mut self, pages: u32) -> Self {
        self.max_pages = Some(pages);
        self
    }

    /// Whether a caller that is alone may write for itself, on its thread of the runtime, as long as
    /// commits take less than a millisecond on average: it saves the way to the thread that writes
    /// and back. Tasks that only this thread can run wait for the commit meanwhile, and for longer
    /// where the disk suddenly hangs; say `false` where that matters more.
    #[must_use]
    pub const fn with_callers_that_write(mut self, they_may: bool) -> Self {
        self.callers_write = they_may;
        self
    }

    /// Who is told of commits, and asked how many appends wait. It is told on the thread that
    /// writes, or by a caller that is alone and writes for itself. A commit whose observer panics
    /// is an `OutcomeUnknown` for those who wait for it.
    #[must_use]
    pub fn with_observer(mut self, observer: SharedObserver) -> Self {
        self.observer = Some(observer);
        self
    }
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self::new()
    }
}

fn at_least_one(setting: &'static str, value: usize) -> Result<usize> {
    if value == 0 {
        let value = value.to_string();
        return Err(Error::from(Invalid::Setting { setting, value, remedy: "say 1 or more" }));
    }
    Ok(value)
}
