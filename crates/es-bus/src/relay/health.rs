//! Whether a relay is well, and how far it is behind: for an HTTP endpoint, and for whoever
//! measures.
//!
//! *Hazard.* What a worker shows stays as it is when the worker dies, and a lag that was zero
//! stays zero (P4).
//! *Mechanism.* Lag is what the log says now, less what is saved. The gauges are renewed by a
//! task of their own, and are not given any more when that has missed its turns.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use es_core::{
    Check, Error, ErrorKind, Gauge, GaugeSource, Health, Position, Result, SharedObserver, Store,
    SubscriberName, Timestamp, with_causes,
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout},
};

use super::{RelayProgress, RelayState, RelayStatus};
use crate::Interest;

/// How many unwanted events are looked through for the first wanted one. The age of the last of
/// them is taken then, which is not less.
const LOOKED_THROUGH: usize = 1_000;

/// What it takes to see how a relay does.
pub(super) struct Looking {
    pub(super) name: SubscriberName,
    pub(super) store: Store,
    pub(super) progress: Arc<dyn RelayProgress>,
    pub(super) interests: Vec<Interest>,
    pub(super) status: watch::Receiver<RelayStatus>,
    pub(super) stuck_after: Duration,
}

impl Looking {
    /// What there is to see. What does not answer `within` that time is unhealthy.
    pub(super) async fn check(&self, within: Duration) -> Check {
        let late = || Error::new(ErrorKind::Unavailable, "it did not answer in time");
        let lag = timeout(within, self.lag()).await.unwrap_or_else(|_| Err(late()));
        let status = self.status.borrow().clone();
        // The sender goes with the task, also when that panics.
        let is_gone = self.status.has_changed().is_err();
        let mut check = Check::new(self.name.to_string(), self.verdict(&status, &lag, is_gone));
        check.is_dead = status.state == RelayState::Failed || (is_gone && !status.state.is_over());
        check.position = lag.as_ref().ok().map(|lag| lag.position).or(Some(status.position));
        check.lag = lag.as_ref().ok().map(|lag| lag.events);
        check.lag_time = lag.as_ref().ok().map(|lag| lag.time);
        check
    }

    async fn lag(&self) -> Result<Lag> {
        let head = self.store.head().await?;
        let mine = self.status.borrow().position;
        // Where another relay of this name is at work, what is kept says how far it is.
        let kept = self.progress.checkpoint(&self.name).await?;
        let position = kept.map_or(mine, |kept| kept.position);
        let events = head.position.get().saturating_sub(position.get());
        let mut lag = Lag { position, events, time: Duration::ZERO };
        if events == 0 {
            return Ok(lag);
        }
        let interests: Vec<&Interest> = self.interests.iter().collect();
        let read = Interest::read_for_all(&interests, self.store.tenant()).after(position);
        let read = read.until(head.position).limit(LOOKED_THROUGH as u64);
        let mut behind = self.store.read(read);
        let mut seen = 0;
        while let Some(event) = behind.next().await.transpose()? {
            seen += 1;
            if seen == LOOKED_THROUGH || interests.iter().any(|one| one.covers(&event)) {
                lag.time = Timestamp::now().since(event.recorded_at);
                break;
            }
        }
        Ok(lag)
    }

    fn verdict(&self, status: &RelayStatus, lag: &Result<Lag>, is_gone: bool) -> Health {
        let cause = status.last_error.as_deref().unwrap_or("no cause is known");
        match status.state {
            RelayState::Failed => return Health::Unhealthy(format!("it has failed: {cause}")),
            RelayState::Stopped => return Health::Unhealthy("it was stopped".to_owned()),
            RelayState::Fenced => {
                return Health::Unhealthy("another relay has taken over".to_owned());
            }
            state if is_gone => {
                return Health::Unhealthy(format!("its task has ended while {state:?}"));
            }
            _ => {}
        }
        let lag = match lag {
            Ok(lag) => lag,
            Err(error) => {
                return Health::Unhealthy(format!("it cannot be seen: {}", with_causes(error)));
            }
        };
        let still = status.moved_at.elapsed();
        let is_at_work = status.state != RelayState::Standby;
        if is_at_work && lag.time > self.stuck_after && still > self.stuck_after {
            let (at, seconds) = (lag.position, still.as_secs());
            return Health::Unhealthy(format!("stuck at {at} for {seconds} seconds: {cause}"));
        }
        match (status.state, status.parked_streams) {
            (RelayState::Retrying, _) => Health::Degraded(format!("trying again: {cause}")),
            (_, 0) => Health::Healthy,
            (_, streams) => {
                Health::Degraded(format!("{streams} streams wait behind an event that was refused"))
            }
        }
    }
}

/// How far it is behind.
struct Lag {
    position: Position,
    events: u64,
    time: Duration,
}

/// The task that looks for whoever measures. It ends when this is dropped.
pub(super) struct Gauges {
    task: JoinHandle<()>,
    /// Observers hold it weakly.
    _readings: Arc<Readings>,
}

struct Readings {
    looking: Arc<Looking>,
    interval: Duration,
    seen: Mutex<Option<(Instant, Check)>>,
}

impl Gauges {
    pub(super) fn start(
        looking: Arc<Looking>,
        interval: Duration,
        observer: &SharedObserver,
    ) -> Self {
        let interval = interval.clamp(Duration::from_millis(10), Duration::from_secs(60));
        let readings = Arc::new(Readings { looking, interval, seen: Mutex::default() });
        let source: Arc<dyn GaugeSource> = Arc::clone(&readings) as _;
        observer.watch(Arc::downgrade(&source));
        // Weak, so that the values end with the relay and not with the task.
        let (theirs, looking) = (Arc::downgrade(&readings), Arc::clone(&readings.looking));
        let task = tokio::spawn(async move {
            loop {
                let check = looking.check(interval * 3).await;
                let Some(readings) = theirs.upgrade() else { return };
                *readings.seen() = Some((Instant::now(), check));
                drop(readings);
                tokio::time::sleep(interval).await;
            }
        });
        Self { task, _readings: readings }
    }
}

impl Drop for Gauges {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Readings {
    fn seen(&self) -> std::sync::MutexGuard<'_, Option<(Instant, Check)>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GaugeSource for Readings {
    fn gauges(&self, report: &mut dyn FnMut(Gauge<'_>)) {
        // A copy, because whoever is told may do anything.
        let seen = self.seen().clone();
        let fresh = seen.filter(|(at, _)| at.elapsed() <= self.interval.saturating_mul(6));
        let check = fresh.as_ref().map(|(_, check)| check);
        let parked = self.looking.status.borrow().parked_streams;
        report(Gauge::Relay {
            relay: self.looking.name.as_str(),
            lag: check.and_then(|check| check.lag),
            lag_time: check.and_then(|check| check.lag_time),
            parked_streams: u64::try_from(parked).unwrap_or(u64::MAX),
            is_healthy: check.is_some_and(|check| !check.health.is_unhealthy() && !check.is_dead),
        });
    }
}
