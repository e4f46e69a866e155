//! What a program holds: the instruments, and what measures with them.

use std::sync::{Arc, Weak};

use es_core::{Backend, GaugeSource, Layer, Observation, Observer, SharedObserver, Store};
use opentelemetry::metrics::Meter;

use crate::{gauges::Sources, instruments::Instruments, layer::Traced, observer::Recorder};

/// The name that the instruments are registered under.
pub(crate) const SCOPE: &str = "eventsource";

/// Measures a store and everything that is built on it. Cloning it copies the handle.
///
/// Spans go through `tracing`, to whichever subscriber the program has. Metrics go to the
/// meter. Make one for a program and clone it: two on one meter would each be asked for
/// the same gauges.
///
/// ```
/// use es_core::Store;
/// use es_store_memory::MemoryStore;
/// use es_telemetry::Telemetry;
///
/// // Whatever the program has set up; nothing, here, so nothing is measured.
/// let telemetry = Telemetry::new();
/// let store = telemetry.observe(Store::new(MemoryStore::new()));
/// assert!(store.observer().is_some());
/// ```
#[derive(Clone, Debug)]
pub struct Telemetry {
    recorder: Arc<Recorder>,
}

impl Telemetry {
    /// Measures with the meter provider that is set for the process, which must be set
    /// before: what is measured before that goes nowhere for good.
    #[must_use]
    pub fn new() -> Self {
        Self::with_meter(&opentelemetry::global::meter(SCOPE))
    }

    /// Measures with this meter.
    #[must_use]
    pub fn with_meter(meter: &Meter) -> Self {
        let (instruments, sources) = (Instruments::new(meter), Sources::default());
        sources.observe_with(meter);
        Self { recorder: Arc::new(Recorder::new(instruments, sources)) }
    }

    /// A handle whose appends and reads are traced and measured, and with them the commands
    /// of repositories and the work of runners that are built on it.
    ///
    /// What the store does below, such as group commits, it tells by itself if its options
    /// were given [`Telemetry::observer`].
    #[must_use]
    pub fn observe(&self, store: impl Into<Store>) -> Store {
        store.into().layer(self).observed_by(self.observer())
    }

    /// Who is to be told, for the options of a store.
    #[must_use]
    pub fn observer(&self) -> SharedObserver {
        Arc::clone(&self.recorder) as SharedObserver
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}

/// The layer that traces appends and reads. Where there are several layers it is best added
/// last: then it sees what callers see.
impl Layer for Telemetry {
    fn layer(&self, inner: Backend) -> Backend {
        Arc::new(Traced::new(Arc::clone(&self.recorder), inner))
    }
}

impl Observer for Recorder {
    fn observe(&self, observation: &Observation<'_>) {
        self.record(observation);
    }

    fn watch(&self, source: Weak<dyn GaugeSource>) {
        self.sources.add(source);
    }
}
