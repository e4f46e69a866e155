//! A consumer at work, and what can be seen of it.

use std::{fmt, time::Duration};

use es_core::{Check, Error, ErrorKind, Result, SubscriberName};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use super::{RedisTopic, health};

/// What a consumer is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConsumerState {
    /// It joins its group.
    #[default]
    Starting,
    /// The topic is not made yet, or is lost: a relay must open it.
    Waiting,
    /// It takes events.
    Active,
    /// Something is out of reach; it tries again.
    Retrying,
    /// It cannot go on; see [`ConsumerStatus::last_error`].
    Failed,
    /// It was stopped.
    Stopped,
}

impl ConsumerState {
    /// Whether it does nothing any more, and never will.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Failed | Self::Stopped)
    }
}

/// What a consumer has done since it was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerStatus {
    /// What it is doing.
    pub state: ConsumerState,
    /// Events that were handled.
    pub handled: u64,
    /// Events that were passed over because it was told to ignore them.
    pub passed_over: u64,
    /// Attempts that failed and were, or will be, followed by another.
    pub retries: u64,
    /// Events that it made dead letters, those that wait behind another included.
    pub dead_letters: u64,
    /// Events that it took over from a consumer that fell silent (competing).
    pub recovered: u64,
    /// Events that were trimmed away before they were handled. It stays 0 unless somebody
    /// else trims the streams.
    pub lost: u64,
    /// The partitions that it owns (ordered).
    pub partitions: Vec<usize>,
    /// The last error, with what it came from.
    pub last_error: Option<String>,
}

/// A consumer at work. Dropping it ends it at once, as a crash would: others take over what
/// it held when its lease has lapsed.
pub struct RunningConsumer {
    topic: RedisTopic,
    group: SubscriberName,
    stop: watch::Sender<bool>,
    status: watch::Receiver<ConsumerStatus>,
    task: JoinHandle<bool>,
}

impl RunningConsumer {
    pub(super) const fn new(
        topic: RedisTopic,
        group: SubscriberName,
        stop: watch::Sender<bool>,
        status: watch::Receiver<ConsumerStatus>,
        task: JoinHandle<bool>,
    ) -> Self {
        Self { topic, group, stop, status, task }
    }

    /// The name of its group, which is that of its subscription.
    #[must_use]
    pub const fn group(&self) -> &SubscriberName {
        &self.group
    }

    /// What it has done.
    #[must_use]
    pub fn status(&self) -> ConsumerStatus {
        self.status.borrow().clone()
    }

    /// Looks at its group, and says whether it works and what is before the group, for a
    /// [`HealthReport`](es_core::HealthReport): lag in places of the log and in seconds, and dead
    /// letters as what is parked. What does not answer `within` that time is unhealthy.
    ///
    /// It is dead when it has failed: only a new start brings it back.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn health(&self, within: Duration) -> Check {
        let status = self.status();
        health::check(&self.topic, &self.group, &status, within).await
    }

    /// Waits until its status is one that `is` accepts, and gives it.
    ///
    /// # Errors
    /// `Closed` when it has ended.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn when(
        &self,
        mut is: impl FnMut(&ConsumerStatus) -> bool + Send,
    ) -> Result<ConsumerStatus> {
        let mut status = self.status.clone();
        loop {
            // A copy, because `is` may ask for the status, too.
            let now = status.borrow_and_update().clone();
            if is(&now) {
                return Ok(now);
            }
            if now.state.has_ended() || status.changed().await.is_err() {
                let cause = now.last_error.unwrap_or_else(|| "it was stopped".to_owned());
                let message = format!("the consumer of {} has ended: {cause}", self.group);
                return Err(Error::new(ErrorKind::Closed, message));
            }
        }
    }

    /// Takes nothing more, lets the handlers finish what they have, saves and hands over. What
    /// is not done within the time is broken off. Says whether all was done; where it was not, a
    /// warning says what, and it comes again elsewhere when the lease has lapsed.
    ///
    /// # Cancel safety
    /// Dropping the future ends it at once.
    pub async fn stop(mut self, within: Duration) -> bool {
        self.stop.send_replace(true);
        let ended = timeout(within, &mut self.task).await;
        self.task.abort();
        match ended {
            Ok(Ok(is_done)) => is_done,
            Ok(Err(_)) => false,
            Err(_) => {
                let cause = self.status.borrow().last_error.clone().unwrap_or_default();
                tracing::warn!(group = %self.group, ?within, cause,
                    "a consumer was not done in its time, and was broken off");
                false
            }
        }
    }
}

impl Drop for RunningConsumer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for RunningConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningConsumer")
            .field("group", &self.group)
            .field("status", &*self.status.borrow())
            .finish_non_exhaustive()
    }
}
