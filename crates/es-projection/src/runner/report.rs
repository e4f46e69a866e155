//! A status, from what a worker shows and what the log says.

use std::time::Instant;

use es_core::{Error, Head, Result, with_causes};

use crate::{
    Health, Lag, State, Status,
    board::View,
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
        if view.state == State::Standby {
            return match Kept::of(job.engine.progress(), &job.subscriber).await {
                Ok(kept) => {
                    let status = kept.status(&who, &self.store, head, times).await;
                    Status { state: State::Standby, ..status }
                }
                Err(error) => {
                    let why = format!("what is kept of it cannot be read: {}", with_causes(&error));
                    let health = Health::Unhealthy(why);
                    let unknown = Err("nobody knows how far it is".to_owned());
                    Status { health, ..self.shown(job, view, head.ok(), unknown) }
                }
            };
        }
        let lag = match head {
            Ok(head) => {
                who.lag(&self.store, view.position, *head).await.map_err(|e| with_causes(&e))
            }
            Err(error) => Err(with_causes(error)),
        };
        self.shown(job, view, head.ok(), lag)
    }

    /// What `job` shows by itself, for whoever cannot wait for the log or the read model.
    pub(crate) fn at_hand(&self, job: &Job, why: &Error) -> Status {
        self.shown(job, job.board.view().clone(), None, Err(with_causes(why)))
    }

    fn shown(
        &self,
        job: &Job,
        view: View,
        head: Option<&Head>,
        lag: Result<Lag, String>,
    ) -> Status {
        let feed = self.feeds.trouble();
        let (known, now) = (lag.as_ref().copied().map_err(String::as_str), Instant::now());
        // By the next look it shows whether it gets on.
        if known.is_ok_and(|lag| !lag.time.is_zero()) {
            job.board.is_behind(view.position, now);
        }
        let health = health_of(&view, known, feed.as_deref(), self.timing.stuck_after, now);
        Status {
            name: job.name.to_owned(),
            version: job.version,
            subscriber: job.subscriber.clone(),
            slice: job.slice,
            state: view.state,
            position: view.position,
            head: head.map(|head| head.position),
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
