//! The task of a relay: claims, opens, and hands on what it reads until something ends it.

use std::{collections::HashMap, sync::Arc};

use es_core::{Checkpoint, Head, Owner, Position, Store, StreamId, SubscriberName, with_causes};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};
use tracing::{error, info};

use super::{
    Publisher, RelayProgress, RelayState, RelayStatus, Route, Timing,
    gather::gather,
    persist::{End, Flow},
    running::Command,
};
use crate::Interest;

/// What a worker is made of.
pub(super) struct Parts {
    pub(super) name: SubscriberName,
    pub(super) mark: SubscriberName,
    pub(super) store: Store,
    pub(super) progress: Arc<dyn RelayProgress>,
    pub(super) owner: Owner,
    pub(super) routes: Vec<Route>,
    pub(super) timing: Timing,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) status: watch::Sender<RelayStatus>,
}

pub(super) struct Worker {
    pub(super) name: SubscriberName,
    /// The subscriber under whose name the mark of what was consumed is kept.
    pub(super) mark: SubscriberName,
    pub(super) store: Store,
    pub(super) progress: Arc<dyn RelayProgress>,
    pub(super) owner: Owner,
    pub(super) routes: Arc<Vec<Route>>,
    pub(super) timing: Timing,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) status: watch::Sender<RelayStatus>,
}

/// One time of being the active relay.
pub(super) struct Term {
    pub(super) checkpoint: Checkpoint,
    pub(super) mark: Checkpoint,
    pub(super) publisher: Publisher,
    /// The streams that wait, each with the position of its first dead letter.
    pub(super) parked: HashMap<StreamId, Position>,
    /// Events up to here are history.
    pub(super) history: Position,
    pub(super) saved_at: Instant,
    pub(super) asked_at: Instant,
}

impl Worker {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { name, mark, store, progress, owner, routes, timing, commands, stop, status } =
            parts;
        let routes = Arc::new(routes);
        Self { name, mark, store, progress, owner, routes, timing, commands, stop, status }
    }

    pub(super) async fn run(mut self) {
        let mut fenced = 0_u32;
        loop {
            let end = match self.claim().await {
                Ok(term) => {
                    info!(relay = %self.name, epoch = term.checkpoint.epoch,
                        position = %term.checkpoint.position, "the relay is active");
                    self.serve(term).await
                }
                Err(end) => end,
            };
            let end = match end {
                End::Fenced(error) => {
                    self.told(&error);
                    fenced = fenced.saturating_add(1);
                    match self.after_a_fence(&error, fenced).await {
                        Ok(true) => continue,
                        Ok(false) => return self.state(RelayState::Fenced),
                        Err(end) => end,
                    }
                }
                end => end,
            };
            match end {
                End::Asked => return self.state(RelayState::Stopped),
                End::Reopen => {}
                End::Fenced(error) => self.told(&error),
                End::Failed(error) => {
                    error!(relay = %self.name, cause = with_causes(&error), "the relay has failed");
                    self.told(&error);
                    return self.state(RelayState::Failed);
                }
            }
        }
    }

    pub(super) fn told(&self, error: &es_core::Error) {
        self.status.send_modify(|status| status.last_error = Some(with_causes(error)));
    }

    /// Publishes until something ends it.
    async fn serve(&mut self, mut term: Term) -> End {
        loop {
            let end = match self.open(&term).await {
                Ok(from) => {
                    self.state(RelayState::Active);
                    match self.relay(&mut term, from).await {
                        Ok(never) => never,
                        Err(end) => end,
                    }
                }
                Err(end) => end,
            };
            match end {
                End::Reopen => {}
                End::Asked => {
                    let head = Head::new(term.checkpoint.log, term.checkpoint.position);
                    self.hand_over(head, term.checkpoint.epoch).await;
                    return End::Asked;
                }
                end => return end,
            }
        }
    }

    async fn relay(&mut self, term: &mut Term, from: Position) -> Flow<End> {
        let interests: Vec<Interest> = self.routes.iter().map(|r| r.interest.clone()).collect();
        let interests: Vec<&Interest> = interests.iter().collect();
        let read = Interest::read_for_all(&interests, self.store.tenant());
        let read = read.of_log(term.publisher.log);
        let mut follow = self.store.follow(read.clone().after(from));
        // Everything up to here has been read and published.
        let mut through = from;
        let mut attempt = 0;
        // What is due comes before what was read, and not twice in a row: neither is kept from its
        // turn, however long an answer takes and however much there is to read.
        let mut comes_from_due = false;
        loop {
            let due = self.due(term);
            let mut stop = self.stop.clone();
            let batch = tokio::select! {
                biased;
                () = async { drop(stop.wait_for(|stop| *stop).await) } => return Err(End::Asked),
                Some(command) = self.commands.recv() => {
                    self.command(term, command).await?;
                    continue;
                }
                () = sleep_until(due), if !comes_from_due => None,
                batch = gather(&mut follow, self.timing.batch) => Some(batch),
                () = sleep_until(due) => None,
            };
            comes_from_due = batch.is_none();
            let Some(mut batch) = batch else {
                self.sign_of_life(term).await?;
                continue;
            };
            let failed = batch.failed.take();
            if !batch.events.is_empty() || batch.through.is_some() {
                attempt = 0;
                through = batch.through.unwrap_or(through);
                self.publish_batch(term, batch).await?;
            }
            if let Some(error) = failed {
                attempt += 1;
                // A follower ends with whatever is not temporary. What broke may be whole again
                // later; then another one goes on where this one was.
                let has_ended = !error.is_temporary();
                self.wait_out_alive(term, "reading the log", error, attempt).await?;
                if has_ended {
                    follow = self.store.follow(read.clone().after(through));
                }
                self.state(RelayState::Active);
            }
        }
    }

    async fn command(&mut self, term: &mut Term, command: Command) -> Flow<()> {
        // Nobody waits for an answer when the caller was dropped.
        match command {
            Command::RetryParked(reply) => drop(reply.send(Ok(self.retry_parked(term).await?))),
            Command::SkipParked(position, reason, reply) => {
                drop(reply.send(Ok(self.skip_parked(term, position, reason).await?)));
            }
        }
        Ok(())
    }
}
