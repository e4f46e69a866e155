//! What is told of appends and of those on their way, if somebody wants to know.
//!
//! There is no batch to tell of: the server takes all that has arrived and syncs its file once,
//! but only it knows which appends these were. So each is told of as a commit of one.

use std::{
    sync::{Arc, Weak},
    time::Instant,
};

use es_core::{ErrorKind, Gauge, GaugeSource, Observation, Receipt, Result, SharedObserver};
use tokio::sync::Semaphore;

/// What the store is called where there are several kinds.
const STORE: &str = "redis";

/// The appends on their way, for whoever asks how many there are.
pub(crate) struct Gauges {
    name: String,
    room: Arc<Semaphore>,
    max: usize,
}

impl Gauges {
    /// Tells `observer` where to ask. It is asked for as long as what is returned lives.
    pub(crate) fn watched_by(
        observer: &SharedObserver,
        name: String,
        room: &Arc<Semaphore>,
        max: usize,
    ) -> Arc<Self> {
        let gauges = Arc::new(Self { name, room: Arc::clone(room), max });
        let source: Arc<dyn GaugeSource> = Arc::clone(&gauges) as _;
        let source: Weak<dyn GaugeSource> = Arc::downgrade(&source);
        observer.watch(source);
        gauges
    }
}

impl GaugeSource for Gauges {
    fn gauges(&self, report: &mut dyn FnMut(Gauge<'_>)) {
        let appends = self.max.saturating_sub(self.room.available_permits());
        report(Gauge::Queue { store: STORE, name: &self.name, appends, max: self.max });
    }
}

/// Tells of an append that was asked for at `since`, and sent at `begun`.
pub(crate) fn committed(
    observer: &SharedObserver,
    since: Instant,
    begun: Instant,
    answer: &Result<Receipt>,
) {
    let waited = begun.saturating_duration_since(since);
    // What was refused was answered all the same.
    let is_committed = answer.as_ref().err().is_none_or(|error| {
        use ErrorKind::{Busy, Closed, Fault, OutcomeUnknown, Unavailable};
        !matches!(error.kind(), Busy | Closed | Fault | OutcomeUnknown | Unavailable)
    });
    let (store, appends, took) = (STORE, 1, begun.elapsed());
    observer.observe(&Observation::Commit { store, appends, waited, took, is_committed });
}
