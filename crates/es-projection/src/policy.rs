//! What becomes of an event that a handler fails on.

use std::{
    error::Error as StdError,
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use es_core::{Error, ErrorKind, causes, says_out_of_reach};

/// What becomes of an event that a handler fails on, and how much is done at once.
///
/// A temporary error is tried again after a random pause, whose bound doubles each time.
/// An error that is not temporary, a panic, or an event that does not decode is not tried
/// again: it would fail the same way. What happens then is [`OnFailure`].
///
/// ```
/// use std::time::Duration;
///
/// use es_projection::{OnFailure, Policy};
///
/// let strict = Policy::default()
///     .with_retries(10)
///     .with_backoff(Duration::from_millis(20), Duration::from_secs(30))
///     .with_on_failure(OnFailure::Stop);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Policy {
    /// How often a temporary error is tried again.
    pub retries: u32,
    /// The bound of the first pause.
    pub backoff_base: Duration,
    /// The bound that no pause exceeds.
    pub backoff_cap: Duration,
    /// What happens when the retries are used up, or make no sense.
    pub on_failure: OnFailure,
    /// How many events are applied in one transaction, at most; if it is not said, 2,048 for a
    /// projection and 1 for a reactor, so that as little as possible happens twice.
    pub batch: Option<usize>,
    /// Into how many slices by stream it is cut, each with a checkpoint of its own, so that
    /// they are worked on at the same time; 1 to 256.
    pub slices: u16,
    temporary: Temporary,
}

type Temporary = Arc<dyn Fn(&(dyn StdError + 'static)) -> bool + Send + Sync>;

/// What happens to an event that cannot be handled.
///
/// ```
/// use es_projection::{OnFailure, Policy};
///
/// // Park is what happens unless something else is said.
/// assert_eq!(Policy::default().on_failure, OnFailure::Park);
/// let lenient = Policy::default().with_on_failure(OnFailure::Skip("only statistics".into()));
/// assert_ne!(lenient.on_failure, OnFailure::Park);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFailure {
    /// It is parked, later events of its stream wait behind it, and all other streams flow
    /// on.
    Park,
    /// The subscriber stops in front of it.
    Stop,
    /// It is given up, for this reason, which is kept with it. An event whose type is not
    /// known is parked nevertheless: nobody has decided that it does not matter. It is parked
    /// for a moment first; who waits for it in another process just then may be told so.
    Skip(String),
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            retries: 5,
            backoff_base: Duration::from_millis(50),
            backoff_cap: Duration::from_secs(5),
            on_failure: OnFailure::Park,
            batch: None,
            slices: 1,
            temporary: Arc::new(is_temporary),
        }
    }
}

impl Policy {
    /// The same with so many retries of a temporary error.
    #[must_use]
    pub const fn with_retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// The same with pauses up to `base` at first and never above `cap`.
    #[must_use]
    pub const fn with_backoff(mut self, base: Duration, cap: Duration) -> Self {
        self.backoff_base = base;
        self.backoff_cap = cap;
        self
    }

    /// The same with another end for what cannot be handled.
    #[must_use]
    pub fn with_on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// The same with so many events in one transaction, at most; at least one. More make
    /// catching up faster and a failure dearer; a reactor repeats so many after a crash.
    #[must_use]
    pub const fn with_batch(mut self, events: usize) -> Self {
        self.batch = Some(if events == 0 { 1 } else { events });
        self
    }

    /// The same in so many slices by stream, which are worked on at the same time, by one
    /// process or, with [`Runner::with_lease`](crate::Runner::with_lease), by as many as there
    /// are. All events of a stream are in one slice and keep their order; rows that events of
    /// several streams share must be written so that any order will do.
    ///
    /// The number belongs to the rows: another one is refused until the version is raised
    /// and the rows are built anew.
    #[must_use]
    pub const fn with_slices(mut self, slices: u16) -> Self {
        self.slices = slices;
        self
    }

    /// The same with another judge of which errors of a handler are temporary. Without one,
    /// these are, anywhere in the chain of causes: an [`es_core::Error`] that says so, and an
    /// [`std::io::Error`] of a connection, a network or a time-out. What the read model itself knows to be
    /// its trouble ([`ReadModel::trouble`](es_core::ReadModel::trouble)) is not judged.
    #[must_use]
    pub fn with_temporary(
        mut self,
        is_temporary: impl Fn(&(dyn StdError + 'static)) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.temporary = Arc::new(is_temporary);
        self
    }

    /// A judge that panics has not said that it is.
    pub(crate) fn is_temporary(&self, error: &(dyn StdError + 'static)) -> bool {
        catch_unwind(AssertUnwindSafe(|| (self.temporary)(error))).unwrap_or(false)
    }

    /// How long to wait before attempt number `attempt` (from 1).
    pub(crate) fn pause(&self, attempt: u32) -> Duration {
        pause(self.backoff_base, self.backoff_cap, attempt)
    }
}

/// A random time up to a bound that doubles with each attempt ("full jitter", Marc Brooker,
/// "Exponential Backoff and Jitter", 2015): subscribers that failed together would
/// otherwise come back together.
pub(crate) fn pause(base: Duration, cap: Duration, attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(20);
    let bound = base.saturating_mul(1 << doublings).min(cap);
    let micros = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(fastrand::u64(0..=micros))
}

fn is_temporary(error: &(dyn StdError + 'static)) -> bool {
    let judge = |error: &(dyn StdError + 'static)| {
        if let Some(error) = error.downcast_ref::<Error>() {
            return Some(error.is_temporary() || error.kind() == ErrorKind::OutcomeUnknown);
        }
        match error.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::Interrupted) => Some(true),
            _ => says_out_of_reach(error),
        }
    };
    causes(error).find_map(judge).unwrap_or(false)
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("retries", &self.retries)
            .field("backoff_base", &self.backoff_base)
            .field("backoff_cap", &self.backoff_cap)
            .field("on_failure", &self.on_failure)
            .field("batch", &self.batch)
            .field("slices", &self.slices)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
