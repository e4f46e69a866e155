//! All subscribers up to the end of the log, and no further.

use std::sync::Arc;

use es_core::{Position, Result, SubscriberName};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use super::Runner;
use crate::{board::Order, worker};

/// What catching up did for one subscriber, over all of its slices.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaughtUp {
    /// The subscriber.
    pub subscriber: SubscriberName,
    /// How far it has got.
    pub position: Position,
    /// How many events it has handled.
    pub handled: u64,
    /// How many events are parked, with those that were before.
    pub parked: u64,
}

impl Runner {
    /// Brings all subscribers up to where the log ends now, and returns. For tests, command
    /// lines and jobs.
    ///
    /// It can be called again, and [`Runner::start`] after it.
    ///
    /// # Errors
    /// What was wrong with a registration; else the first error that stopped a subscriber,
    /// after all others have reached the end. `Busy` when a projection in slices is being replayed,
    /// or that broke off: nobody can tell which, and the latter ends when it is run again. An event that was parked is no error; see
    /// [`CaughtUp::parked`].
    ///
    /// # Cancel safety
    /// Dropping the future stops the workers. What is committed stays, and nothing is
    /// handled by halves.
    pub async fn catch_up(&mut self) -> Result<Vec<CaughtUp>> {
        let around = self.surroundings()?;
        let head = around.store.head().await?;
        let mut workers = JoinSet::new();
        let mut held = Vec::new(); // or the workers would take it for a wish to stop
        let before: Vec<u64> = self.jobs.iter().map(|job| job.board.view().handled).collect();
        for job in &self.jobs {
            let (orders, commands) = (watch::Sender::new(Order::Run), mpsc::channel(1));
            let (job, around) = (Arc::clone(job), Arc::clone(&around));
            // All slices are worked on here.
            let share = None;
            let until = Some(head.position);
            workers.spawn(worker::run(job, around, orders.subscribe(), commands.1, share, until));
            held.push((orders, commands.0));
        }
        let mut failed = None;
        while let Some(end) = workers.join_next().await {
            let error = match end {
                Ok(end) => end.into_error(),
                Err(error) => Some(es_core::Error::fault("a worker has died", error)),
            };
            failed = failed.or(error);
        }
        if let Some(error) = failed {
            return Err(error);
        }
        let mut caught_up: Vec<CaughtUp> = Vec::new();
        for (job, before) in self.jobs.iter().zip(before) {
            let view = job.board.view();
            let (handled, parked) = (view.handled - before, view.parked_count());
            match caught_up.last_mut().filter(|last| last.subscriber == job.whole) {
                Some(whole) => {
                    whole.position = whole.position.min(view.position);
                    whole.handled += handled;
                    whole.parked += parked;
                }
                None => {
                    let (subscriber, position) = (job.whole.clone(), view.position);
                    caught_up.push(CaughtUp { subscriber, position, handled, parked });
                }
            }
        }
        Ok(caught_up)
    }
}
