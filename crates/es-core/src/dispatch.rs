//! From an enum of events to one handler per event struct.
//!
//! One primitive serves aggregates and projections: the derive knows the variants and
//! writes [`Dispatch`]; a crate that offers handlers writes one [`On`] for its visitor. A
//! handler that is missing is then a trait bound that does not hold: it does not compile.

/// A visitor that can take an event struct `E`.
///
/// The lifetime is that of the event, so that a visitor may return a future that borrows
/// it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no handler for the event `{E}`",
    label = "no handler for `{E}`"
)]
pub trait On<'e, E> {
    /// What handling gives: `()` for a fold, a future for an asynchronous handler.
    type Output;

    /// Takes the event.
    fn on(self, event: &'e E) -> Self::Output;
}

/// An event that hands what it holds to a visitor. `derive(Event)` writes it for enums
/// whose variants all hold one struct, and for structs.
///
/// ```
/// use es_core::{Dispatch, On};
///
/// struct Added(u32);
/// struct Cleared;
/// enum CounterEvent {
///     Added(Added),
///     Cleared(Cleared),
/// }
///
/// // What the derive writes:
/// impl<'e, V, O> Dispatch<'e, V> for CounterEvent
/// where
///     V: On<'e, Added, Output = O> + On<'e, Cleared, Output = O>,
/// {
///     type Output = O;
///
///     fn dispatch(&'e self, visitor: V) -> O {
///         match self {
///             Self::Added(event) => visitor.on(event),
///             Self::Cleared(event) => visitor.on(event),
///         }
///     }
/// }
///
/// // What a crate that offers handlers writes:
/// struct Total<'a>(&'a mut u32);
/// impl On<'_, Added> for Total<'_> {
///     type Output = ();
///     fn on(self, event: &Added) {
///         *self.0 += event.0;
///     }
/// }
/// impl On<'_, Cleared> for Total<'_> {
///     type Output = ();
///     fn on(self, _: &Cleared) {
///         *self.0 = 0;
///     }
/// }
///
/// let mut total = 0;
/// CounterEvent::Added(Added(3)).dispatch(Total(&mut total));
/// assert_eq!(total, 3);
/// CounterEvent::Cleared(Cleared).dispatch(Total(&mut total));
/// assert_eq!(total, 0);
/// ```
pub trait Dispatch<'e, V> {
    /// What the visitor gives.
    type Output;

    /// Hands the event to the visitor.
    fn dispatch(&'e self, visitor: V) -> Self::Output;
}
