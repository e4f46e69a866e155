//! The declarative style: one handler per event struct.

use es_core::{Dispatch, On};

/// Takes one kind of event into the state: the declarative style.
///
/// [`apply()`] finds the handler of an event. If one is missing, the program does not
/// compile, and the message says which.
///
/// ```
/// use es_aggregate::{Aggregate, Apply, apply};
/// use es_core::Event;
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
/// #[derive(Default)]
/// struct Cart {
///     skus: Vec<String>,
///     done: bool,
/// }
///
/// impl Apply<ItemAdded> for Cart {
///     fn apply(&mut self, event: &ItemAdded) {
///         self.skus.push(event.sku.clone());
///     }
/// }
///
/// impl Apply<CheckedOut> for Cart {
///     fn apply(&mut self, _: &CheckedOut) {
///         self.done = true;
///     }
/// }
///
/// impl Aggregate for Cart {
///     const CATEGORY: &'static str = "cart";
///     type Event = CartEvent;
///
///     fn evolve(&mut self, event: &CartEvent) {
///         apply(self, event);
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no handler for the event `{E}`",
    label = "no `impl Apply<{E}> for {Self}`",
    note = "write `impl Apply<{E}> for {Self}` with what the event does to the state"
)]
pub trait Apply<E> {
    /// Takes the event into the state. Pure, like `evolve`.
    fn apply(&mut self, event: &E);
}

/// Calls the [`Apply`] handler of whatever `event` holds.
pub fn apply<'e, 'a, A, E>(aggregate: &'a mut A, event: &'e E)
where
    E: Dispatch<'e, Applier<'a, A>, Output = ()>,
{
    event.dispatch(Applier { aggregate });
}

/// The visitor behind [`apply()`].
#[derive(Debug)]
pub struct Applier<'a, A> {
    aggregate: &'a mut A,
}

impl<'e, A: Apply<E>, E> On<'e, E> for Applier<'_, A> {
    type Output = ();

    fn on(self, event: &'e E) {
        self.aggregate.apply(event);
    }
}
