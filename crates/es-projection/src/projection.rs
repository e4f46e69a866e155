//! What a projection is: events into the rows of a read model.

use std::future::Future;

use es_core::{BoxError, Event, Recorded};

use crate::Scope;

/// Takes events into the rows of a read model.
///
/// What it writes goes through `tx` and through nothing else. Rows, checkpoint and fence
/// commit together, so each event takes effect exactly once (P1), although `apply` may be
/// called several times for it: whatever was not committed has been rolled back. State in
/// `self` would not roll back, and that is why there is none to change.
///
/// ```
/// use es_core::{BoxError, Event, Recorded};
/// use es_projection::Projection;
/// use es_store_memory::{MemoryTx, Table};
///
/// #[derive(Event)]
/// enum AccountEvent {
///     Opened { owner: String },
///     Deposited { cents: u64 },
/// }
///
/// const BALANCES: Table<String, u64> = Table::new("balances");
///
/// struct Balances;
///
/// impl Projection for Balances {
///     const NAME: &'static str = "balances";
///     type Event = AccountEvent;
///     type Tx = MemoryTx;
///
///     async fn apply(&self, event: &Recorded<AccountEvent>, tx: &mut MemoryTx) -> Result<(), BoxError> {
///         let AccountEvent::Deposited { cents } = event.event else { return Ok(()) };
///         let account = event.stream.key().to_string();
///         tx.update(&BALANCES, account, |balance| Some(balance.unwrap_or(0) + cents))?;
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a projection",
    label = "no `impl Projection for {Self}`",
    note = "write `impl Projection for {Self}`; for side effects, `impl Reactor for {Self}`"
)]
pub trait Projection: Send + Sync + 'static {
    /// What people call it: `orders`.
    const NAME: &'static str;

    /// Raise it when the rows that are there no longer fit what `apply` would make of the
    /// events. The new version has a checkpoint of its own and is built beside the old one.
    const VERSION: u32 = 1;

    /// The events that it takes.
    type Event: Event;

    /// The transaction of its read model.
    type Tx: Send + 'static;

    /// Which events it is given: those that [`Projection::Event`] knows, of every category,
    /// unless it says otherwise.
    fn scope(&self) -> Scope {
        Scope::events::<Self::Event>()
    }

    /// Takes one event into the rows.
    ///
    /// # Errors
    /// Whatever goes wrong. What happens then is up to the [`Policy`](crate::Policy): a
    /// temporary error is tried again, and after that the event is parked.
    fn apply(
        &self,
        event: &Recorded<Self::Event>,
        tx: &mut Self::Tx,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Takes several events into the rows, in their order. Override it where one statement
    /// for all is cheaper than one for each; it must have the same effect.
    ///
    /// # Errors
    /// Whatever goes wrong. The rows are rolled back then and smaller parts of the events
    /// are tried, down to a single one, so that only the event at fault is parked.
    fn apply_all(
        &self,
        events: &[Recorded<Self::Event>],
        tx: &mut Self::Tx,
    ) -> impl Future<Output = Result<(), BoxError>> + Send {
        async move {
            for event in events {
                self.apply(event, tx).await?;
            }
            Ok(())
        }
    }
}
