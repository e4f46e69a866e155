//! A clock that moves when the test says so.

#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use es_core::Timestamp;

/// A clock that moves when the test says so. Clones show the same time.
///
/// ```
/// use std::time::Duration;
///
/// use es_core::Timestamp;
/// use es_store_memory::MemoryStore;
/// use es_testkit::ManualClock;
///
/// let clock = ManualClock::at(Timestamp::from_seconds(1_700_000_000));
/// let store = MemoryStore::with_clock(clock.source());
/// clock.advance(Duration::from_secs(60)); // what is appended now is a minute younger
/// assert_eq!(clock.now(), Timestamp::from_seconds(1_700_000_060));
/// # drop(store);
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(now.as_micros())))
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }

    /// Sets it, forward or back.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_micros(), Ordering::SeqCst);
    }

    /// Moves it forward, and says what it shows then. Parts of a microsecond are lost.
    #[expect(clippy::must_use_candidate, reason = "called for what it does")]
    pub fn advance(&self, by: Duration) -> Timestamp {
        let later = |now| Timestamp::from_micros(now).plus(by).as_micros();
        let step = |now| Some(later(now));
        let before = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, step);
        Timestamp::from_micros(later(before.unwrap_or_else(|now| now)))
    }

    /// It as a function, which is what takes a clock asks for.
    pub fn source(&self) -> impl Fn() -> Timestamp + Clone + Send + Sync + 'static + use<> {
        let clock = self.clone();
        move || clock.now()
    }
}
