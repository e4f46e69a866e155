//! A status, from what a worker shows and what the log says.

use std::time::Instant;

use es_core::{Error, Head, Result};

use crate::{
    State, Status,
    engine::with_causes,
    status::{Kept, Who, health_of},
    worker::{Job, Surroundings},
};

impl Surroundings {
    /// What `job` is doing, where `head` is what the log said. While it stands by, what is
    /// kept tells what the one at work does.
    pub(crate) async fn report(&self, job: &Job, head: Result<&Head, &Error>) -> Status {
        let view = job.board.view().clone();
        let who = Who {
            name: job.name,
            version: job.version,
            subscriber: &job.subscriber,
            scope: &job.scope,
            slice: job.slice,
        };
        let times = (self.timing.lease.unwrap_or_default(), self.timing.stuck_after);
        if view.state == State::Standby
            && let Ok(kept) = Kept::of(job.engine.progress(), &job.subscriber).await
        {
            let status = kept.status(&who, &self.store, head, times).await;
            return Status { state: State::Standby, ..status };
        }
        let lag = match head {
            Ok(head) => {
                who.lag(&self.store, view.position, *head).await.map_err(|e| with_causes(&e))
            }
            Err(error) => Err(with_causes(error)),
        };
        let feed = self.feeds.trouble();
        let (known, now) = (lag.as_ref().copied().map_err(String::as_str), Instant::now());
        let health = health_of(&view, known, feed.as_deref(), self.timing.stuck_after, now);
        Status {
            name: job.name.to_owned(),
            version: job.version,
            subscriber: job.subscriber.clone(),
            slice: job.slice,
            state: view.state,
            position: view.position,
            head: head.ok().map(|head| head.position),
            lag: lag.ok(),
            alive_at: view.saved_at,
            rate: view.rate.at(now),
            handled: view.handled,
            parked: view.parked_count(),
            parked_streams: view.parked.len() as u64,
            owner: view.owner,
            epoch: view.epoch,
            last_error: view.trouble,
            health,
            slices: Vec::new(),
        }
    }
}
