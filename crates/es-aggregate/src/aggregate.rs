//! What an aggregate is: state that is folded from events, and decisions on that state.

use es_core::Event;

/// State that is folded from the events of one stream.
///
/// `evolve` is a pure fold: no I/O, no clock, no randomness (A1). It cannot refuse an
/// event, because what it is given has happened. Refusing is for [`Decide`], or for the
/// method that records.
///
/// ```
/// use es_aggregate::Aggregate;
/// use es_core::Event;
///
/// #[derive(Event)]
/// enum AccountEvent {
///     Opened { owner: String },
///     Deposited { cents: u64 },
/// }
///
/// #[derive(Default)]
/// struct Account {
///     open: bool,
///     cents: u64,
/// }
///
/// impl Aggregate for Account {
///     const CATEGORY: &'static str = "account";
///     type Event = AccountEvent;
///
///     fn evolve(&mut self, event: &AccountEvent) {
///         match event {
///             AccountEvent::Opened { .. } => self.open = true,
///             AccountEvent::Deposited { cents } => self.cents += cents,
///         }
///     }
/// }
/// ```
pub trait Aggregate: Default + Send + Sync + 'static {
    /// The category of its streams.
    const CATEGORY: &'static str;

    /// Raise it when `evolve` gives the same fields another meaning. A change of the
    /// fields themselves is noticed without it: both are part of a snapshot's key. Raise it
    /// too when an upcaster lets old events mean something else: the snapshots were folded
    /// from what they meant before.
    const STATE_VERSION: u32 = 1;

    /// Its events.
    type Event: Event;

    /// Takes one event into the state.
    fn evolve(&mut self, event: &Self::Event);
}

/// An aggregate that decides on commands of type `C`: the decider style, one impl per
/// command.
///
/// It takes the command by reference, because it runs again after a conflict, on newer
/// state.
///
/// ```
/// # use es_aggregate::{Aggregate, Decide, Repository};
/// # use es_core::{Event, Store};
/// # use es_store_memory::MemoryStore;
/// # #[derive(Debug, PartialEq, Event)]
/// # enum AccountEvent {
/// #     Deposited { cents: u64 },
/// #     Withdrawn { cents: u64 },
/// # }
/// # #[derive(Default)]
/// # struct Account {
/// #     cents: u64,
/// # }
/// # impl Aggregate for Account {
/// #     const CATEGORY: &'static str = "account";
/// #     type Event = AccountEvent;
/// #     fn evolve(&mut self, event: &AccountEvent) {
/// #         match event {
/// #             AccountEvent::Deposited { cents } => self.cents += cents,
/// #             AccountEvent::Withdrawn { cents } => self.cents -= cents,
/// #         }
/// #     }
/// # }
/// struct Withdraw(u64);
///
/// #[derive(Debug, PartialEq)]
/// struct Overdrawn;
///
/// impl Decide<Withdraw> for Account {
///     type Error = Overdrawn;
///
///     fn decide(&self, &Withdraw(cents): &Withdraw) -> Result<Vec<AccountEvent>, Overdrawn> {
///         if cents > self.cents {
///             return Err(Overdrawn);
///         }
///         Ok(vec![AccountEvent::Withdrawn { cents }])
///     }
/// }
///
/// let account = Account { cents: 100 };
/// assert_eq!(account.decide(&Withdraw(30)), Ok(vec![AccountEvent::Withdrawn { cents: 30 }]));
/// assert_eq!(account.decide(&Withdraw(500)), Err(Overdrawn));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not decide on this command",
    label = "no `impl Decide<..> for {Self}` takes it",
    note = "write `impl Decide<TheCommand> for {Self}` with what the command does"
)]
pub trait Decide<C>: Aggregate {
    /// Why a command is refused: the domain's own type, which callers get back as it is.
    type Error;

    /// Says what happens because of `command`. No events means that nothing does, and then
    /// nothing is written.
    ///
    /// # Errors
    /// The domain's own, when the command is refused. Nothing is written then.
    fn decide(&self, command: &C) -> Result<Vec<Self::Event>, Self::Error>;
}
