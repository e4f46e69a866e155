//! Whether consumers are well, and what their groups have before them: for an HTTP endpoint,
//! and for whoever measures.
//!
//! What is told of a group is asked of the topic, so that a group whose consumers are all gone
//! shows what waits for it.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use es_core::{
    Check, Error, ErrorKind, Gauge, GaugeSource, GroupWork, Health, Invalid, Result,
    SharedObserver, SubscriberName, with_causes,
};
use tokio::{
    runtime::Handle,
    task::JoinHandle,
    time::{Instant, timeout},
};

use super::{GroupStatus, RedisTopic, running::ConsumerState, running::ConsumerStatus};

/// What is known of a group, told to an observer. It ends when this is dropped.
#[must_use = "nothing is told any more once this is dropped"]
pub struct GroupWatch {
    task: JoinHandle<()>,
    /// Observers hold it weakly.
    readings: Arc<Readings>,
}

struct Readings {
    topic: String,
    group: SubscriberName,
    interval: Duration,
    seen: Mutex<Option<(Instant, GroupStatus)>>,
}

impl RedisTopic {
    /// Asks every `interval` how a group does, and lets `observer` have it as gauges: lag in
    /// places and in seconds, what is pending, dead letters, and whether somebody is there to work. It need not be done
    /// where the consumers are; beside the relay is a good place.
    ///
    /// What has not been heard for three intervals is not known: the gauges are absent then,
    /// and the group is not healthy.
    ///
    /// # Errors
    /// `Invalid` for a name that cannot be one, or an interval below 10 ms or above an hour;
    /// `Unsupported` outside of a tokio runtime.
    pub fn watch_group(
        &self,
        group: &str,
        interval: Duration,
        observer: &SharedObserver,
    ) -> Result<GroupWatch> {
        let group = SubscriberName::new(group)?;
        if !(Duration::from_millis(10)..=Duration::from_secs(3_600)).contains(&interval) {
            return Err(Invalid::Setting {
                setting: "how often a group is looked at",
                value: format!("{interval:?}"),
                remedy: "use 10 ms to an hour",
            }
            .into());
        }
        let Ok(runtime) = Handle::try_current() else {
            let message = "watching a group needs a tokio runtime: begin it inside of one";
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        let (name, seen) = (self.name().to_owned(), Mutex::default());
        let asked = group.to_string();
        let readings = Arc::new(Readings { topic: name, group, interval, seen });
        let source: Arc<dyn GaugeSource> = Arc::clone(&readings) as _;
        observer.watch(Arc::downgrade(&source));
        // Weak, so that the values end with the watch and not with the task.
        let (topic, theirs) = (self.clone(), Arc::downgrade(&readings));
        let task = runtime.spawn(async move {
            loop {
                let answer = topic.group(&asked).await;
                let Some(readings) = theirs.upgrade() else { return };
                match answer {
                    Ok(status) => *readings.seen() = Some((Instant::now(), status)),
                    // There is nothing to be known of a group that nobody ever joined.
                    Err(error) if error.kind() == ErrorKind::NotFound => *readings.seen() = None,
                    Err(error) => tracing::debug!(group = asked, %error, "a group cannot be seen"),
                }
                drop(readings);
                tokio::time::sleep(interval).await;
            }
        });
        Ok(GroupWatch { task, readings })
    }
}

impl GroupStatus {
    /// Whether there is something to do and nobody to do it.
    const fn is_abandoned(&self) -> bool {
        self.consumers == 0 && (self.lag > 0 || self.pending > 0 || self.waiting > 0)
    }
}

impl Readings {
    fn seen(&self) -> std::sync::MutexGuard<'_, Option<(Instant, GroupStatus)>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GaugeSource for Readings {
    fn gauges(&self, report: &mut dyn FnMut(Gauge<'_>)) {
        // A copy, because whoever is told may do anything.
        let seen = self.seen().clone();
        let fresh = seen.filter(|(at, _)| at.elapsed() <= self.interval.saturating_mul(3));
        let status = fresh.map(|(_, status)| status);
        report(Gauge::Group {
            topic: &self.topic,
            group: self.group.as_str(),
            work: status.as_ref().map(|status| GroupWork {
                lag: status.lag,
                lag_time: status.lag_time,
                pending: status.pending.saturating_add(status.waiting),
                dead_letters: status.dead_letters,
            }),
            is_healthy: status.is_some_and(|status| !status.is_abandoned()),
        });
    }
}

impl Drop for GroupWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for GroupWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupWatch")
            .field("topic", &self.readings.topic)
            .field("group", &self.readings.group)
            .finish_non_exhaustive()
    }
}

/// What there is to see of a consumer and its group.
pub(super) async fn check(
    topic: &RedisTopic,
    group: &SubscriberName,
    status: &ConsumerStatus,
    within: Duration,
) -> Check {
    let late = || Error::new(ErrorKind::Unavailable, "Redis did not answer in time");
    let asked = timeout(within, topic.group(group.as_str())).await;
    let seen = asked.unwrap_or_else(|_| Err(late()));
    let mut check = Check::new(group.to_string(), verdict(status, &seen));
    check.is_dead = status.state == ConsumerState::Failed;
    check.lag = seen.as_ref().ok().map(|seen| seen.lag);
    check.lag_time = seen.as_ref().ok().and_then(|seen| seen.lag_time);
    check.parked = seen.as_ref().ok().map(|seen| seen.dead_letters);
    check
}

fn verdict(status: &ConsumerStatus, seen: &Result<GroupStatus>) -> Health {
    let cause = status.last_error.as_deref().unwrap_or("no cause is known");
    match status.state {
        ConsumerState::Failed => return Health::Unhealthy(format!("it has failed: {cause}")),
        ConsumerState::Stopped => return Health::Unhealthy("it was stopped".to_owned()),
        ConsumerState::Starting | ConsumerState::Waiting => {
            return Health::Degraded("no relay has opened its topic".to_owned());
        }
        ConsumerState::Active | ConsumerState::Retrying => {}
    }
    let seen = match seen {
        Ok(seen) => seen,
        Err(error) => {
            return Health::Unhealthy(format!("its group cannot be seen: {}", with_causes(error)));
        }
    };
    match (status.state, seen.dead_letters) {
        (ConsumerState::Retrying, _) => Health::Degraded(format!("trying again: {cause}")),
        (_, 0) => Health::Healthy,
        (_, letters) => Health::Degraded(format!("{letters} dead letters")),
    }
}
