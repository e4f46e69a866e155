//! Given, when, then: the domain's rules as tests, without a store and without async.

use std::fmt::Debug;

use crate::{Aggregate, Decide};

/// Begins a test of `A` with the events that have happened; none for a new aggregate.
///
/// ```
/// use es_aggregate::{Aggregate, Decide, given};
/// use es_core::Event;
///
/// #[derive(Debug, PartialEq, Event)]
/// enum CounterEvent {
///     Added { amount: u32 },
/// }
///
/// #[derive(Default)]
/// struct Counter(u32);
///
/// impl Aggregate for Counter {
///     const CATEGORY: &'static str = "counter";
///     type Event = CounterEvent;
///     fn evolve(&mut self, CounterEvent::Added { amount }: &CounterEvent) {
///         self.0 += amount;
///     }
/// }
///
/// struct Add(u32);
///
/// impl Decide<Add> for Counter {
///     type Error = &'static str;
///     fn decide(&self, Add(amount): &Add) -> Result<Vec<CounterEvent>, &'static str> {
///         match self.0 + amount {
///             0..=10 => Ok(vec![CounterEvent::Added { amount: *amount }]),
///             _ => Err("a counter goes to 10"),
///         }
///     }
/// }
///
/// given::<Counter>([]).when(&Add(7)).then([CounterEvent::Added { amount: 7 }]);
/// given::<Counter>([CounterEvent::Added { amount: 7 }])
///     .when(&Add(7))
///     .then_rejected("a counter goes to 10");
/// ```
pub fn given<A: Aggregate>(history: impl IntoIterator<Item = A::Event>) -> Given<A> {
    let mut state = A::default();
    history.into_iter().for_each(|event| state.evolve(&event));
    Given { state }
}

/// An aggregate that has its history: what [`given`] returns.
#[derive(Debug)]
pub struct Given<A> {
    state: A,
}

impl<A: Aggregate> Given<A> {
    /// Lets the aggregate decide on `command`.
    pub fn when<C>(self, command: &C) -> When<A, A::Error>
    where
        A: Decide<C>,
    {
        let decision = self.state.decide(command);
        When { state: self.state, decision }
    }

    /// Looks at the state.
    pub fn then_state(self, look: impl FnOnce(&A)) {
        look(&self.state);
    }
}

/// A decision that is to be judged: what [`Given::when`] returns.
#[derive(Debug)]
#[must_use = "nothing is tested before `then`"]
pub struct When<A: Aggregate, E> {
    state: A,
    decision: Result<Vec<A::Event>, E>,
}

impl<A, E> When<A, E>
where
    A: Aggregate,
    A::Event: Debug + PartialEq,
    E: Debug,
{
    /// The command was accepted with exactly these events, in this order. Gives the
    /// aggregate back with them taken in, for the next command.
    ///
    /// # Panics
    /// When it was not; the message shows both.
    #[track_caller]
    pub fn then(self, expected: impl IntoIterator<Item = A::Event>) -> Given<A> {
        let expected: Vec<A::Event> = expected.into_iter().collect();
        let Self { mut state, decision } = self;
        match decision {
            Ok(events) => {
                assert_eq!(events, expected, "the command gave other events (left) than expected");
                events.iter().for_each(|event| state.evolve(event));
                Given { state }
            }
            #[expect(clippy::panic, reason = "a failed test panics")]
            Err(error) => panic!("the command was rejected: {error:?}; expected {expected:?}"),
        }
    }

    /// The command was accepted and nothing happens.
    ///
    /// # Panics
    /// When it was rejected, or gave events.
    #[track_caller]
    pub fn then_nothing(self) -> Given<A> {
        self.then([])
    }

    /// The command was rejected with this error.
    ///
    /// # Panics
    /// When it was accepted, or rejected with another error; the message shows both.
    #[track_caller]
    pub fn then_rejected(self, expected: E) -> Given<A>
    where
        E: PartialEq,
    {
        self.then_rejected_by(|error| {
            assert_eq!(*error, expected, "the command was rejected with another error (left)");
        })
    }

    /// The command was rejected with an error that `check` accepts: for errors that cannot
    /// be compared.
    ///
    /// # Panics
    /// When it was accepted, or `check` panics.
    #[track_caller]
    pub fn then_rejected_by(self, check: impl FnOnce(&E)) -> Given<A> {
        match self.decision {
            Err(error) => {
                check(&error);
                Given { state: self.state }
            }
            #[expect(clippy::panic, reason = "a failed test panics")]
            Ok(events) => panic!("the command was accepted, with {events:?}"),
        }
    }
}

#[cfg(test)]
mod tests;
