//! The declarative style: one handler per event struct.

use std::fmt;

use es_core::{BoxError, Dispatch, Envelope, On, Recorded};
use futures_util::future::BoxFuture;

use crate::Projection;

/// Takes one kind of event into the rows: the declarative style.
///
/// [`handle()`] finds the handler of an event. If one is missing, the program does not
/// compile, and the message says which. It costs one box per event, which
/// [`Projection::apply`] with a `match` does not.
///
/// ```
/// use es_core::{BoxError, Envelope, Event, Recorded};
/// use es_projection::{Handle, Projection, handle};
/// use es_store_memory::{MemoryTx, Table};
///
/// #[derive(Event)]
/// struct ItemAdded {
///     sku: String,
/// }
///
/// #[derive(Event)]
/// struct CheckedOut;
///
/// #[derive(Event)]
/// #[event(transparent)]
/// enum CartEvent {
///     ItemAdded(ItemAdded),
///     CheckedOut(CheckedOut),
/// }
///
/// const DEMAND: Table<String, u64> = Table::new("demand");
///
/// struct Demand;
///
/// impl Projection for Demand {
///     const NAME: &'static str = "demand";
///     type Event = CartEvent;
///     type Tx = MemoryTx;
///
///     async fn apply(&self, event: &Recorded<CartEvent>, tx: &mut MemoryTx) -> Result<(), BoxError> {
///         handle(self, event, tx).await
///     }
/// }
///
/// impl Handle<ItemAdded> for Demand {
///     async fn handle(&self, event: &ItemAdded, _: &Envelope, tx: &mut MemoryTx) -> Result<(), BoxError> {
///         tx.update(&DEMAND, event.sku.clone(), |count| Some(count.unwrap_or(0) + 1))?;
///         Ok(())
///     }
/// }
///
/// impl Handle<CheckedOut> for Demand {
///     async fn handle(&self, _: &CheckedOut, _: &Envelope, _: &mut MemoryTx) -> Result<(), BoxError> {
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no handler for the event `{E}`",
    label = "no `impl Handle<{E}> for {Self}`",
    note = "write `impl Handle<{E}> for {Self}` with what the event does to the rows"
)]
pub trait Handle<E>: Projection {
    /// Takes the event into the rows; `envelope` tells its stream, position and metadata.
    ///
    /// # Errors
    /// As of [`Projection::apply`].
    fn handle(
        &self,
        event: &E,
        envelope: &Envelope,
        tx: &mut Self::Tx,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// Calls the [`Handle`] handler of whatever `event` holds.
///
/// # Errors
/// Those of the handler.
///
/// # Cancel safety
/// As the handler is: its writes are in `tx`.
pub fn handle<'e, P, E>(
    projection: &'e P,
    event: &'e Recorded<E>,
    tx: &'e mut P::Tx,
) -> BoxFuture<'e, Result<(), BoxError>>
where
    P: Projection,
    E: Dispatch<'e, Handler<'e, P>, Output = BoxFuture<'e, Result<(), BoxError>>>,
{
    event.event.dispatch(Handler { projection, envelope: event.envelope(), tx })
}

/// The visitor behind [`handle()`].
pub struct Handler<'e, P: Projection> {
    projection: &'e P,
    envelope: &'e Envelope,
    tx: &'e mut P::Tx,
}

impl<'e, P: Handle<E>, E: Sync> On<'e, E> for Handler<'e, P> {
    type Output = BoxFuture<'e, Result<(), BoxError>>;

    fn on(self, event: &'e E) -> Self::Output {
        Box::pin(self.projection.handle(event, self.envelope, self.tx))
    }
}

impl<P: Projection> fmt::Debug for Handler<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler").field("projection", &P::NAME).finish_non_exhaustive()
    }
}
