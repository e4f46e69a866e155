//! How often a handler is tried again, after which pauses, and what comes after that.

use std::{
    error::Error as StdError,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

type Judge = Arc<dyn Fn(&(dyn StdError + 'static)) -> bool + Send + Sync>;

/// What becomes of an event that a handler fails on.
///
/// A handler that returns an error or panics is called again after a random pause, whose
/// bound doubles each time ("full jitter"). What does not decode, and what
/// [`Retry::with_final`] names, is not tried again: it would fail the same way. After that
/// comes [`Exhausted`].
///
/// **Outages.** An attempt that failed because something was out of reach may say nothing of the
/// event: the next one would fail as well, and in the end each would be a dead letter. A consumer
/// of a topic that is told by [`Retry::with_outage`] what an outage is does not count such an
/// attempt and tries the event again for as long as that lasts; it takes nothing else meanwhile
/// than what it has other partitions or workers for. Without that, and on the bus in process,
/// where a publisher would have to wait behind it, it counts as any failure.
///
/// ```
/// use std::time::Duration;
///
/// use es_bus::{Exhausted, Retry};
///
/// let patient = Retry::default()
///     .with_attempts(10)
///     .with_backoff(Duration::from_millis(100), Duration::from_secs(60))
///     .with_exhausted(Exhausted::DeadLetter);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Retry {
    /// How often a handler is called for one event, the first time included; at least once.
    pub attempts: u32,
    /// The bound of the first pause.
    pub backoff_base: Duration,
    /// The bound that no pause exceeds.
    pub backoff_cap: Duration,
    /// What happens once the attempts are used up.
    pub exhausted: Exhausted,
    is_final: Option<Judge>,
    is_outage: Option<Judge>,
}

/// What comes after an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Another one.
    Again,
    /// Another one, and this one does not count.
    Outage,
    /// None.
    GiveUp,
}

/// What happens to an event once its attempts are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Exhausted {
    /// It becomes a dead letter, and the later events of its stream wait behind it, so that
    /// their order holds. Other streams flow on. Where no order is promised (a competing
    /// consumer), it is the same as [`Exhausted::DeadLetter`].
    Park,
    /// It becomes a dead letter, and the later events of its stream go on without it.
    DeadLetter,
    /// It is tried until it succeeds, however long that takes; everything that this handler
    /// would be given later waits. What does not decode is parked nevertheless. A competing
    /// consumer, which promises no order, goes on with others meanwhile.
    Block,
}

impl Default for Retry {
    /// Five attempts, pauses up to 50 ms at first and 5 s at most, then
    /// [`Exhausted::Park`].
    fn default() -> Self {
        Self {
            attempts: 5,
            backoff_base: Duration::from_millis(50),
            backoff_cap: Duration::from_secs(5),
            exhausted: Exhausted::Park,
            is_final: None,
            is_outage: None,
        }
    }
}

impl Retry {
    /// One attempt, then [`Exhausted::Park`].
    #[must_use]
    pub fn never() -> Self {
        Self::default().with_attempts(1)
    }

    /// The same with so many attempts, the first included; 0 is taken for 1.
    #[must_use]
    pub const fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = if attempts == 0 { 1 } else { attempts };
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
    pub const fn with_exhausted(mut self, exhausted: Exhausted) -> Self {
        self.exhausted = exhausted;
        self
    }

    /// The same with a judge of errors that make another attempt pointless. One that panics is
    /// taken for one that says no.
    #[must_use]
    pub fn with_final(
        mut self,
        is_final: impl Fn(&(dyn StdError + 'static)) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.is_final = Some(Arc::new(is_final));
        self
    }

    /// The same with a judge of errors which say that something was out of reach, and not that the
    /// event cannot be handled: these attempts do not count, see [`Retry`]. One that panics is
    /// taken for one that says no.
    ///
    /// [`is_out_of_reach`](crate::is_out_of_reach) is such a judge, and one for drivers that have error types of their own is
    /// in their crates: that of es-store-postgres knows what tokio-postgres says. Where an event
    /// itself can bring such an error about (a broken address in it), take one that is stricter:
    /// what is called an outage is waited for without end.
    ///
    /// ```
    /// use es_bus::{Retry, is_out_of_reach};
    ///
    /// let patient = Retry::default().with_outage(is_out_of_reach);
    /// ```
    #[must_use]
    pub fn with_outage(
        mut self,
        is_outage: impl Fn(&(dyn StdError + 'static)) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.is_outage = Some(Arc::new(is_outage));
        self
    }

    /// What comes after `made` attempts, the last of which failed with `error`; those that an
    /// outage spoilt are not among them where that `waits_out` outages.
    pub(crate) fn next(
        &self,
        error: &(dyn StdError + 'static),
        made: u32,
        waits_out: bool,
    ) -> Next {
        // A judge that panics has said nothing.
        let says = |judge: &Judge| catch_unwind(AssertUnwindSafe(|| judge(error))).unwrap_or(false);
        if self.is_final.as_ref().is_some_and(says) {
            return Next::GiveUp;
        }
        if waits_out && self.is_outage.as_ref().is_some_and(says) {
            return Next::Outage;
        }
        match self.exhausted == Exhausted::Block || made < self.attempts.max(1) {
            true => Next::Again,
            false => Next::GiveUp,
        }
    }

    /// How long to wait after `made` attempts.
    pub(crate) fn pause(&self, made: u32) -> Duration {
        pause(self.backoff_base, self.backoff_cap, made)
    }
}

/// A random time up to a bound that doubles with each attempt ("full jitter", Marc Brooker,
/// "Exponential Backoff and Jitter", 2015): those that failed together would otherwise come
/// back together.
pub(crate) fn pause(base: Duration, cap: Duration, made: u32) -> Duration {
    let doublings = made.saturating_sub(1).min(20);
    let bound = base.saturating_mul(1 << doublings).min(cap);
    let micros = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(fastrand::u64(0..=micros))
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("attempts", &self.attempts)
            .field("backoff_base", &self.backoff_base)
            .field("backoff_cap", &self.backoff_cap)
            .field("exhausted", &self.exhausted)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
