//! What is told of group commits, the queue and the pool, if somebody wants to know.

use std::{
    sync::{Arc, Weak},
    time::Instant,
};

use es_core::{Gauge, GaugeSource, Observation, SharedObserver};
use tokio::sync::Semaphore;

use crate::connect::Connections;

/// What the store is called where there are several kinds.
const STORE: &str = "postgresql";

/// The queue of appends and the pool, for whoever asks how full they are.
pub(crate) struct Gauges {
    name: String,
    connections: Connections,
    room: Arc<Semaphore>,
    max: usize,
}

impl Gauges {
    /// Tells `observer` where to ask. It is asked for as long as what is returned lives.
    pub(crate) fn watched_by(
        observer: &SharedObserver,
        name: String,
        connections: Connections,
        room: &Arc<Semaphore>,
        max: usize,
    ) -> Arc<Self> {
        let gauges = Arc::new(Self { name, connections, room: Arc::clone(room), max });
        let source: Arc<dyn GaugeSource> = Arc::clone(&gauges) as _;
        let source: Weak<dyn GaugeSource> = Arc::downgrade(&source);
        observer.watch(source);
        gauges
    }
}

impl GaugeSource for Gauges {
    fn gauges(&self, report: &mut dyn FnMut(Gauge<'_>)) {
        let (store, name) = (STORE, self.name.as_str());
        let appends = self.max.saturating_sub(self.room.available_permits());
        report(Gauge::Queue { store, name, appends, max: self.max });
        let pool = self.connections.status();
        let idle = pool.available.min(pool.size);
        let (used, max, waiting) = (pool.size - idle, pool.max_size, pool.waiting);
        report(Gauge::Pool { store, name, used, idle, max, waiting });
    }
}

/// Tells of a call that appended, whose oldest append was asked for at `since` and which
/// began at `begun`.
pub(crate) fn committed(
    observer: &SharedObserver,
    appends: usize,
    since: Instant,
    begun: Instant,
    is_committed: bool,
) {
    let waited = begun.saturating_duration_since(since);
    let (store, took) = (STORE, begun.elapsed());
    observer.observe(&Observation::Commit { store, appends, waited, took, is_committed });
}
