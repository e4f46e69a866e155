//! A status, from what a worker shows and what the log says.

use std::time::{Duration, Instant};

use es_core::{Error, Head, Result, Timestamp};

use crate::{
    Lag, Scope, Status,
    board::View,
    engine::with_causes,
    status::health_of,
    worker::{Job, Surroundings},
};

/// How many unwanted events are looked through for the first wanted one. The age of the last
/// of them is taken then, which is not less.
const LOOKED_THROUGH: usize = 1_000;

impl Surroundings {
    /// What `job` is doing, where `head` is what the log said.
    pub(crate) async fn report(&self, job: &Job, head: Result<&Head, &Error>) -> Status {
        let view = job.board.view().clone();
        let lag = match head {
            Ok(head) => self.lag(job, &view, *head).await.map_err(|e| with_causes(&e)),
            Err(error) => Err(with_causes(error)),
        };
        let feed = self.feeds.trouble();
        let (known, now) = (lag.as_ref().copied().map_err(String::as_str), Instant::now());
        let health = health_of(&view, known, feed.as_deref(), self.timing.stuck_after, now);
        Status {
            name: job.name.to_owned(),
            version: job.version,
            subscriber: job.subscriber.clone(),
            state: view.state,
            position: view.position,
            head: head.ok().map(|head| head.position),
            lag: lag.ok(),
            rate: view.rate.at(now),
            handled: view.handled,
            parked: view.parked_count(),
            parked_streams: view.parked.len() as u64,
            owner: view.owner,
            epoch: view.epoch,
            last_error: view.trouble,
            health,
        }
    }

    async fn lag(&self, job: &Job, view: &View, head: Head) -> Result<Lag> {
        let events = head.position.get().saturating_sub(view.position.get());
        if events == 0 {
            return Ok(Lag::new(0, Duration::ZERO));
        }
        let read = Scope::read_for_all([&job.scope]).after(view.position).until(head.position);
        let mut behind = self.store.read(read.limit(LOOKED_THROUGH as u64));
        let mut seen = 0;
        while let Some(event) = behind.next().await.transpose()? {
            seen += 1;
            if job.scope.covers(&event) || seen == LOOKED_THROUGH {
                return Ok(Lag::new(events, Timestamp::now().since(event.recorded_at)));
            }
        }
        Ok(Lag::new(events, Duration::ZERO))
    }
}
