//! A relay at work, and what can be asked of it.

use std::{fmt, sync::Arc, time::Duration};

use es_core::{Check, DeadLetter, Error, ErrorKind, Position, Result, SubscriberName};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::timeout,
};

use super::{
    RelayProgress, RelayState, RelayStatus,
    health::{Gauges, Looking},
};
use crate::Replayed;

/// What the worker is asked to do between two batches.
pub(super) enum Command {
    RetryParked(oneshot::Sender<Result<Replayed>>),
    SkipParked(Position, String, oneshot::Sender<Result<bool>>),
}

impl Command {
    /// There is nobody who could do it.
    pub(super) fn refuse(self, name: &SubscriberName) {
        let error = || not_active(name, RelayState::Standby);
        // Nobody waits for an answer when the caller was dropped.
        match self {
            Self::RetryParked(reply) => drop(reply.send(Err(error()))),
            Self::SkipParked(.., reply) => drop(reply.send(Err(error()))),
        }
    }
}

fn not_active(name: &SubscriberName, state: RelayState) -> Error {
    let message = format!("relay {name} is not active here, but {state:?}");
    Error::new(ErrorKind::Unavailable, message)
}

/// A relay at work. Dropping it stops it at once; what it has published and not saved is
/// published again by the next.
pub struct RunningRelay {
    pub(super) name: SubscriberName,
    pub(super) progress: Arc<dyn RelayProgress>,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) stop: watch::Sender<bool>,
    pub(super) status: watch::Receiver<RelayStatus>,
    pub(super) looking: Arc<Looking>,
    pub(super) _gauges: Option<Gauges>,
    pub(super) task: JoinHandle<()>,
}

impl RunningRelay {
    /// Where it is, and what it has done.
    #[must_use]
    pub fn status(&self) -> RelayStatus {
        self.status.borrow().clone()
    }

    /// Looks at the log and at what is saved, and says whether somebody publishes and whether
    /// that gets on, for a [`HealthReport`](es_core::HealthReport). What does not answer
    /// `within` that time is unhealthy. One that stands by is well, and shows how far the one
    /// at work is behind.
    ///
    /// It is dead when it has failed, or when its task has ended by itself: only a new start
    /// brings it back.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn health(&self, within: Duration) -> Check {
        self.looking.check(within).await
    }

    /// Waits until it is in a state that `is` accepts, and gives the status.
    ///
    /// # Errors
    /// `Closed` when it has ended in another state.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn when(
        &self,
        mut is: impl FnMut(&RelayStatus) -> bool + Send,
    ) -> Result<RelayStatus> {
        let mut status = self.status.clone();
        loop {
            // A copy, because `is` may ask for the status, too.
            let now = status.borrow_and_update().clone();
            if is(&now) {
                return Ok(now);
            }
            if status.changed().await.is_err() {
                let cause = now.last_error.as_deref().unwrap_or("it was stopped");
                let message = format!("relay {} has ended: {cause}", self.name);
                return Err(Error::new(ErrorKind::Closed, message));
            }
        }
    }

    /// Waits until everything up to `position` has been published or parked.
    ///
    /// # Errors
    /// Those of [`RunningRelay::when`].
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn published(&self, position: Position) -> Result<()> {
        self.when(|status| status.position >= position).await.map(drop)
    }

    /// What a transport refused, and what waits behind it, by position, at most `limit`.
    ///
    /// # Errors
    /// Those of [`DeadLetterStore::dead_letters`](es_core::DeadLetterStore::dead_letters).
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn dead_letters(&self, after: Position, limit: usize) -> Result<Vec<DeadLetter>> {
        self.progress.dead_letters(&self.name, after, limit).await
    }

    /// Publishes again what a transport refused, in order; in each stream up to what is
    /// refused again. The event goes to all transports that want it and may have refused it.
    ///
    /// # Errors
    /// `Unavailable` when this relay is not the active one; else those of the store.
    ///
    /// # Cancel safety
    /// It goes on; only its result is lost.
    pub async fn retry_parked(&self) -> Result<Replayed> {
        self.ask(Command::RetryParked).await?
    }

    /// Gives up one dead letter, for a reason that is kept, and says whether it was there.
    ///
    /// # Errors
    /// `Unavailable` when this relay is not the active one; else those of the store.
    ///
    /// # Cancel safety
    /// It may be given up or not.
    pub async fn skip_parked(
        &self,
        position: Position,
        reason: impl Into<String> + Send,
    ) -> Result<bool> {
        let reason = reason.into();
        self.ask(|reply| Command::SkipParked(position, reason, reply)).await?
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let state = self.status.borrow().state;
        if !matches!(state, RelayState::Active | RelayState::Retrying) {
            return Err(not_active(&self.name, state));
        }
        let gone = || Error::new(ErrorKind::Unavailable, "the relay has stopped meanwhile");
        self.commands.send(command(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())
    }

    /// Lets it finish the batch that it has in hand, save its checkpoint and, with a lease,
    /// hand over. What is not done within the time is broken off, and published again by the
    /// next. Says whether it was done.
    ///
    /// # Cancel safety
    /// Dropping the future stops it at once.
    pub async fn stop(mut self, within: Duration) -> bool {
        self.stop.send_replace(true);
        let done = timeout(within, &mut self.task).await.is_ok();
        self.task.abort();
        done
    }
}

impl Drop for RunningRelay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for RunningRelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningRelay")
            .field("name", &self.name)
            .field("status", &*self.status.borrow())
            .finish_non_exhaustive()
    }
}
