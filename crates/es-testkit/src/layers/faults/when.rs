//! Which calls a fault is planned for.

use std::{fmt, sync::Arc};

/// Which calls a fault is planned for: by number, and by what they ask for.
///
/// Calls are counted from 1 and from the moment that the fault is planned. With a predicate,
/// only calls that it admits are counted: `When::call(2).matching(..)` is the second one
/// that matches.
///
/// ```
/// use es_core::AppendRequest;
/// use es_testkit::When;
///
/// let second_batch =
///     When::call(2).matching(|append: &AppendRequest| append.event_count() > 1);
/// ```
pub struct When<T> {
    turn: Turn,
    matches: Option<Matches<T>>,
}

type Matches<T> = Arc<dyn Fn(&T) -> bool + Send + Sync>;

#[derive(Clone, Copy, Debug)]
enum Turn {
    Each,
    Call(u64),
    Every(u64),
    First(u64),
}

impl<T: 'static> When<T> {
    /// Every call.
    #[must_use]
    pub const fn always() -> Self {
        Self::of(Turn::Each)
    }

    /// The next call and no other.
    #[must_use]
    pub const fn next() -> Self {
        Self::call(1)
    }

    /// The call with this number, from 1, and no other.
    ///
    /// # Panics
    /// When `number` is 0, likewise.
    #[must_use]
    pub const fn call(number: u64) -> Self {
        assert!(number > 0, "the first call has the number 1, so one with 0 never comes");
        Self::of(Turn::Call(number))
    }

    /// The next so many calls.
    #[must_use]
    pub const fn first(calls: u64) -> Self {
        Self::of(Turn::First(calls))
    }

    /// Each call whose number is a multiple of `step`.
    ///
    /// # Panics
    /// When `step` is 0: a fault that is never due would let a test pass that tests nothing.
    #[must_use]
    pub const fn every(step: u64) -> Self {
        assert!(step > 0, "a fault at every 0th call is never due: say 1 or more");
        Self::of(Turn::Every(step))
    }

    /// Of these, the ones that ask for something of this kind.
    ///
    /// The predicate must not plan faults: it is asked while the plan is being looked at.
    #[must_use]
    pub fn matching(mut self, matches: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        self.matches = Some(match self.matches {
            None => Arc::new(matches),
            Some(others) => Arc::new(move |request| others(request) && matches(request)),
        });
        self
    }

    const fn of(turn: Turn) -> Self {
        Self { turn, matches: None }
    }

    pub(super) fn admits(&self, request: &T) -> bool {
        self.matches.as_ref().is_none_or(|matches| matches(request))
    }

    /// Whether it is the turn of the call with this number.
    pub(super) const fn is_due(&self, call: u64) -> bool {
        match self.turn {
            Turn::Each => true,
            Turn::Call(number) => call == number,
            Turn::Every(step) => call.is_multiple_of(step),
            Turn::First(calls) => call <= calls,
        }
    }
}

impl<T> fmt::Debug for When<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.turn)?;
        if self.matches.is_some() { f.write_str(" that matches") } else { Ok(()) }
    }
}
