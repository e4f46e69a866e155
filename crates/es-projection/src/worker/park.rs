//! What becomes of events that cannot be handled, and of those that were parked.

use std::sync::Arc;

use es_core::{
    DeadLetter, Error, ErrorKind, Observation, Part, Position, Progress, Read, Recorded, Release,
    StreamId, causes, with_causes,
};
use tracing::{error, info, warn};

use super::{End, Flow, Worker, batch::failed};
use crate::{
    OnFailure,
    engine::{Again, Failure},
    feed::Broken,
    observe::HANDLER,
    runner::Retried,
};

impl Worker {
    /// Goes on behind one recorded event that failed: tries it again while that makes sense,
    /// and then does what the policy says. Says `false` when it is to leave before that.
    pub(super) async fn fail(
        &mut self,
        event: &[Recorded],
        up_to: Position,
        failure: Failure,
    ) -> Flow<bool> {
        let Some(recorded) = event.first() else {
            return Ok(true);
        };
        let (mut failure, mut attempts) = (failure, 1);
        while self.is_tried_again(&failure, attempts) {
            self.pause(&failure, attempts).await?;
            if self.is_to_leave() {
                return Ok(false);
            }
            let progress = self.progress(up_to, Some(recorded));
            match self.attempt(event, progress).await? {
                None => return Ok(true),
                Some(again) => failure = again,
            }
            attempts += 1;
        }

        let letter = self.letter(recorded);
        let progress = self.progress(up_to, Some(recorded));
        self.give_up_on(letter, progress, failure, attempts).await?;
        Ok(true)
    }

    /// Goes on behind an event that could not be read, if it is wanted as one that failed. Says
    /// `false` when it is to leave before that.
    pub(super) async fn meet(&mut self, broken: &Broken) -> Flow<bool> {
        let Broken { position, event, stream, .. } = broken;
        if *position <= self.cursor {
            return Ok(true);
        }
        let (job, around) = (Arc::clone(&self.job), Arc::clone(&self.around));
        let is_of_slice = job.slice.is_none_or(|slice| slice.covers(stream));
        let mut found = Ok(Vec::new());
        if is_of_slice && job.scope.reaches(stream) {
            // Which forms it may be read in only the upcasters know; asked for what this
            // subscriber wants, they answer with nothing, or fail again.
            let read = || async {
                let mut found = Vec::new();
                for read in job.scope.reads_of_event(*event) {
                    match around.store.read(read).into_vec().await {
                        Ok(events) => found.extend(events),
                        Err(error) => return Broken::of(error).map(|broken| Err(broken.error)),
                    }
                }
                Ok(Ok(in_order(found)))
            };
            found = self.persist("reading an event that could not be read", read).await?;
        }
        let error = match found {
            Ok(mut events) => {
                events.retain(|event| !event.part.is_dropped() && job.wants(event));
                if events.is_empty() {
                    self.cursor = *position;
                    let now = std::time::Instant::now();
                    job.board.change(|view| view.moved(*position, now));
                    return Ok(true);
                }
                return self.watched(&events, *position).await;
            }
            Err(error) => error,
        };
        let subscriber = job.subscriber.clone();
        let letter = DeadLetter::waiting(subscriber, *position, *event, stream.clone());
        // It does not name the event, which proves nothing while it cannot be read.
        let progress = self.progress(*position, None);
        if job.board.view().parked.contains_key(stream) {
            self.advance(&progress.with_parked(vec![letter]), 0).await?;
            return Ok(true);
        }
        self.tell(failed);
        let failure = Failure::unreadable(error);
        self.give_up_on(letter, progress, failure, 1).await?;
        Ok(true)
    }

    /// Does what the policy says with an event that is not tried again.
    async fn give_up_on(
        &mut self,
        letter: DeadLetter,
        progress: Progress,
        failure: Failure,
        attempts: u32,
    ) -> Flow<()> {
        let cause = failure.text();
        let (subscriber, at) = (self.job.subscriber.clone(), letter.position);
        let is_unknown = failure.is_unknown_event();
        let skipped = match &self.job.policy.on_failure {
            OnFailure::Stop => {
                let message =
                    format!("{subscriber} stops at position {at}, which it cannot handle");
                return Err(End::Failed(
                    Error::new(ErrorKind::Fault, message).with_source(failure.into_error()),
                ));
            }
            OnFailure::Skip(reason) if !is_unknown => Some(reason.clone()),
            OnFailure::Skip(_) | OnFailure::Park => None,
        };
        error!(%subscriber, position = %at, stream = %letter.stream, %cause, attempts, "parked");
        self.job.board.trouble(&*failure.into_error());
        let mut progress = progress.with_parked(vec![letter.failed(cause, attempts)]);
        let Some(reason) = skipped else {
            return self.advance(&progress, 0).await;
        };
        // It is parked for a moment, so that the reason is kept with it, and a crash between
        // the two leaves it parked and not lost. Nobody who waits here is shown that.
        let job = Arc::clone(&self.job);
        let save = || job.engine.progress().advance(&progress);
        self.persist("saving its checkpoint", save).await?;
        self.tell_letters(&progress);
        progress.parked.clear();
        self.committed(&progress, 0);
        self.skip(at, reason).await?;
        Ok(())
    }

    /// Handles parked events in their order, stream by stream, and stops in each stream in
    /// front of what still fails.
    pub(super) async fn retry(&mut self, only: Option<StreamId>) -> Flow<Retried> {
        let parked: Vec<(StreamId, Vec<Position>)> = {
            let view = self.job.board.view();
            let wanted = view.parked.iter().filter(|(s, _)| only.as_ref().is_none_or(|o| o == *s));
            wanted.map(|(stream, at)| (stream.clone(), at.iter().copied().collect())).collect()
        };
        let mut retried = Retried::default();
        for (stream, positions) in parked {
            for position in positions {
                // Whoever took over for this alone, and has gone, leaves the rest as well.
                let is_left = self.orders.has_changed().is_err();
                if is_left || *self.orders.borrow() == super::Order::Stop {
                    return Err(End::Asked);
                }
                if !self.retry_one(&stream, position).await? {
                    break;
                }
                retried.handled += 1;
            }
        }
        retried.still_parked = self.job.board.view().parked_count();
        info!(subscriber = %self.job.subscriber, ?retried, "parked events were tried again");
        Ok(retried)
    }

    /// Handles one parked event, and says whether that worked.
    async fn retry_one(&mut self, stream: &StreamId, position: Position) -> Flow<bool> {
        let Some(letter) = self.find_letter(position).await? else {
            self.job.board.released(stream, position);
            return Ok(true);
        };
        let around = Arc::clone(&self.around);
        let read = || async {
            match around.store.read(Read::event(letter.event).all_tenants()).into_vec().await {
                Ok(events) => Ok(Ok(events)),
                Err(error) => Broken::of(error).map(|broken| Err(broken.error)),
            }
        };
        let mut events = match self.persist("reading a parked event", read).await? {
            Ok(events) => events,
            Err(error) => {
                self.tell(failed);
                return self.failed_again(letter, &with_causes(&*error), 1).await;
            }
        };
        if events.is_empty() {
            return self.failed_again(letter, "the log has no such event", 0).await;
        }
        events.retain(|event| !event.part.is_dropped() && self.job.wants(event));

        let release = vec![Release::Handled(position)];
        let mut attempts = 0;
        loop {
            let progress = self.progress(self.cursor, None).with_released(release.clone());
            if events.is_empty() {
                // Upcasters have changed, and it is none of its business any more.
                self.advance(&progress, 0).await?;
                break;
            }
            let Some(failure) = self.attempt(&events, progress).await? else {
                break;
            };
            attempts += 1;
            if !self.is_tried_again(&failure, attempts) {
                return self.failed_again(letter, &failure.text(), attempts).await;
            }
            self.pause(&failure, attempts).await?;
        }
        self.job.board.released(stream, position);
        Ok(true)
    }

    /// Keeps what the last attempts at a parked event ended with.
    async fn failed_again(&mut self, letter: DeadLetter, cause: &str, tried: u32) -> Flow<bool> {
        let attempts = letter.attempts.saturating_add(tried);
        self.job.board.trouble(&Error::new(ErrorKind::Fault, cause));
        let letter = letter.failed(cause, attempts);
        let progress = self.progress(self.cursor, None).with_parked(vec![letter]);
        self.advance(&progress, 0).await?;
        Ok(false)
    }

    /// Gives up a parked event; says whether there was one.
    pub(super) async fn skip(&mut self, position: Position, reason: String) -> Flow<bool> {
        let Some(letter) = self.find_letter(position).await? else {
            return Ok(false);
        };
        warn!(subscriber = %self.job.subscriber, %position, stream = %letter.stream, %reason, "given up");
        let released = vec![Release::Skipped(position, reason)];
        let progress = self.progress(self.cursor, None).with_released(released);
        self.advance(&progress, 0).await?;
        self.job.board.released(&letter.stream, position);
        Ok(true)
    }

    /// The letter of the event at this position.
    pub(super) async fn find_letter(&mut self, position: Position) -> Flow<Option<DeadLetter>> {
        let job = Arc::clone(&self.job);
        let before = Position::new(position.get().saturating_sub(1));
        let list = || job.engine.progress().dead_letters(&job.subscriber, before, 1);
        let letters = self.persist("listing its dead letters", list).await?;
        Ok(letters.into_iter().find(|letter| letter.position == position))
    }

    fn is_tried_again(&self, failure: &Failure, attempts: u32) -> bool {
        let policy = &self.job.policy;
        let is_temporary = match failure {
            Failure::Handler { again: Again::Never, .. } => false,
            Failure::Handler { again: Again::Surely, .. } => true,
            Failure::Handler { again: Again::ByPolicy, error, .. } => policy.is_temporary(&**error),
            // A statement that was sent ahead may have met what passes.
            Failure::Commit(error) => causes(error)
                .filter_map(|cause| cause.downcast_ref::<Error>())
                .any(Error::is_temporary),
            Failure::Model(_) => false,
        };
        is_temporary && attempts <= policy.retries
    }

    async fn pause(&mut self, failure: &Failure, attempts: u32) -> Flow<()> {
        let subscriber = &self.job.subscriber;
        warn!(%subscriber, attempts, cause = %failure.text(), "an event failed; trying again");
        self.job.board.trouble(failure.error());
        self.tell(|subscriber| Observation::Retried { subscriber, stage: HANDLER });
        let (time, alive) = (self.job.policy.pause(attempts), self.alive());
        alive.during(self.rest(time)).await
    }
}

/// The parts of one event as several reads found them: each once, in the order of the split.
fn in_order(mut parts: Vec<Recorded>) -> Vec<Recorded> {
    let place = |event: &Recorded| match event.part {
        Part::Split { index, .. } => index,
        _ => 0,
    };
    parts.sort_by_key(place);
    parts.dedup_by_key(|event| place(event));
    parts
}

impl Failure {
    fn error(&self) -> &(dyn std::error::Error + 'static) {
        match self {
            Self::Handler { error, .. } => &**error,
            Self::Model(error) | Self::Commit(error) => error,
        }
    }

    fn into_error(self) -> es_core::BoxError {
        match self {
            Self::Handler { error, .. } => error,
            Self::Model(error) | Self::Commit(error) => error.into(),
        }
    }

    fn text(&self) -> String {
        with_causes(self.error())
    }

    fn is_unknown_event(&self) -> bool {
        let error = self.error().downcast_ref::<Error>();
        error.is_some_and(|error| error.kind() == ErrorKind::UnknownEvent)
    }
}
