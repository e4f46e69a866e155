//! The port of those who measure.

use std::{
    fmt::Debug,
    sync::{Arc, Weak},
};

use super::{GaugeSource, Observation};

/// An observer as it is handed around.
pub type SharedObserver = Arc<dyn Observer>;

/// Is told what happens. [`Store::observed_by`](crate::Store::observed_by) hands it to
/// everything that is built on that handle.
///
/// Without one, nothing is measured, not even the time.
///
/// ```
/// use std::sync::{Weak, atomic::{AtomicU64, Ordering}};
///
/// use es_core::{GaugeSource, Observation, Observer};
///
/// /// Counts group commits.
/// #[derive(Debug, Default)]
/// struct Commits(AtomicU64);
///
/// impl Observer for Commits {
///     fn observe(&self, observation: &Observation<'_>) {
///         if let Observation::Commit { .. } = observation {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
///
///     fn watch(&self, _: Weak<dyn GaugeSource>) {}
/// }
/// ```
pub trait Observer: Debug + Send + Sync + 'static {
    /// Something happened. It is called where the work is done, also on threads that write:
    /// it must be quick and must neither wait nor panic.
    fn observe(&self, observation: &Observation<'_>);

    /// There is something with values that change by themselves. They are asked for whenever
    /// they are wanted, for as long as the source lives.
    fn watch(&self, source: Weak<dyn GaugeSource>);
}
