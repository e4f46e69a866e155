//! How far subscribers are behind, kept up to date for whoever asks without waiting.
//!
//! *Hazard.* A value that is kept by a worker stays as it is when the worker dies, and a lag
//! that was zero stays zero (P4).
//! *Mechanism.* A task beside the workers looks at all of them, as `Running::statuses` does. A
//! value that it has not renewed for three intervals is not given any more: then the lag is
//! not known, and the subscriber is not healthy.
//! *Cost.* A look at the end of the log in each interval, and one at the first event behind
//! for each subscriber that is behind; for each that stands by, also at what is kept of it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use es_core::{Gauge, GaugeSource, SharedObserver};
use tokio::{task::JoinHandle, time::Instant};

use crate::{
    State, Status,
    worker::{Job, Surroundings},
};

/// The task that looks, which ends when this is dropped.
pub(crate) struct Watch {
    task: JoinHandle<()>,
    /// Observers hold it weakly.
    _readings: Arc<Readings>,
}

/// What was seen last.
struct Readings {
    jobs: Vec<Arc<Job>>,
    interval: Duration,
    seen: Mutex<Option<(Instant, Vec<Status>)>>,
}

impl Watch {
    /// Looks at `jobs` in each `interval`, and tells `observer` where to ask.
    pub(crate) fn start(
        jobs: Vec<Arc<Job>>,
        around: Arc<Surroundings>,
        interval: Duration,
        observer: &SharedObserver,
    ) -> Self {
        // Not in a loop without a rest, whatever was asked for.
        let interval = interval.max(Duration::from_millis(10));
        let readings = Arc::new(Readings { jobs: jobs.clone(), interval, seen: Mutex::default() });
        let source: Arc<dyn GaugeSource> = Arc::clone(&readings) as _;
        observer.watch(Arc::downgrade(&source));
        // Weak, so that the values end with the runner and not with the task.
        let theirs = Arc::downgrade(&readings);
        let task = tokio::spawn(async move {
            loop {
                let statuses = look(&jobs, &around).await;
                let Some(readings) = theirs.upgrade() else { return };
                let seen = Some((Instant::now(), statuses));
                *readings.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
                drop(readings);
                tokio::time::sleep(interval).await;
            }
        });
        Self { task, _readings: readings }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn look(jobs: &[Arc<Job>], around: &Surroundings) -> Vec<Status> {
    let head = around.store.head().await;
    let mut statuses = Vec::with_capacity(jobs.len());
    for job in jobs {
        statuses.push(around.report(job, head.as_ref()).await);
    }
    statuses
}

impl GaugeSource for Readings {
    fn gauges(&self, report: &mut dyn FnMut(Gauge<'_>)) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = self.interval.saturating_mul(3);
        let fresh = seen.as_ref().filter(|(at, _)| at.elapsed() <= limit);
        for (at, job) in self.jobs.iter().enumerate() {
            let status = fresh.and_then(|(_, statuses)| statuses.get(at));
            let lag = status.and_then(|status| status.lag);
            // What one that stands by shows is its own, and not of the one at work.
            let elsewhere = status.filter(|status| status.state == State::Standby);
            report(Gauge::Subscriber {
                subscriber: job.subscriber.as_str(),
                lag: lag.map(|lag| lag.events),
                lag_time: lag.map(|lag| lag.time),
                parked: elsewhere
                    .map_or_else(|| job.board.view().parked_count(), |status| status.parked),
                is_healthy: status.is_some_and(|status| !status.health.is_unhealthy()),
            });
        }
    }
}
