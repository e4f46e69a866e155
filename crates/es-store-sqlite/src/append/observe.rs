//! What is told of group commits and of the queue, if somebody wants to know.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use es_core::{Gauge, GaugeSource, Observation, SharedObserver};
use tokio::sync::Semaphore;

/// What the store is called where there are several kinds.
const STORE: &str = "sqlite";

/// The queue of the writer, for whoever asks how full it is.
pub(crate) struct QueueGauge {
    name: String,
    room: Arc<Semaphore>,
    max: usize,
}

impl QueueGauge {
    /// Tells `observer` where to ask. It is asked for as long as what is returned lives.
    pub(crate) fn watched_by(
        observer: &SharedObserver,
        name: String,
        room: &Arc<Semaphore>,
        max: usize,
    ) -> Arc<Self> {
        let gauge = Arc::new(Self { name, room: Arc::clone(room), max });
        let source: Arc<dyn GaugeSource> = Arc::clone(&gauge) as _;
        let source: Weak<dyn GaugeSource> = Arc::downgrade(&source);
        observer.watch(source);
        gauge
    }
}

impl GaugeSource for QueueGauge {
    fn gauges(&self, report: &mut dyn FnMut(Gauge<'_>)) {
        let appends = self.max.saturating_sub(self.room.available_permits());
        report(Gauge::Queue { store: STORE, name: &self.name, appends, max: self.max });
    }
}

/// A batch that is being written.
pub(super) struct Commit {
    begun: Instant,
    waited: Duration,
}

impl Commit {
    /// The batch begins, with an append that was asked for at `since`.
    pub(super) fn begin(since: Instant) -> Self {
        let begun = Instant::now();
        Self { begun, waited: begun.saturating_duration_since(since) }
    }

    /// The batch has ended.
    pub(super) fn end(self, observer: &SharedObserver, appends: usize, is_committed: bool) {
        let (waited, took) = (self.waited, self.begun.elapsed());
        observer.observe(&Observation::Commit {
            store: STORE,
            appends,
            waited,
            took,
            is_committed,
        });
    }
}
