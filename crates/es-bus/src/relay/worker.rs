//! The task of a relay: reads a batch, publishes it, saves where it is.

use std::{collections::HashMap, future::Future, pin::pin, sync::Arc};

use es_core::{
    Checkpoint, DeadLetter, ErrorKind, Follow, FollowStream, Head, Owner, Position, Progress,
    Recorded, Result, Store, StreamId, SubscriberName,
};
use futures_util::FutureExt;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};
use tracing::{Instrument, error, info};

use super::{
    Publisher, Refused, RelayProgress, RelayState, RelayStatus, Route, Timing,
    persist::{End, Flow},
    running::Command,
};
use crate::{
    Interest,
    attempts::waiting,
    handler::with_causes,
    watch::{HISTORY, Publishing},
};

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

/// An event that is to be published.
pub(super) struct Due {
    pub(super) event: Recorded,
    /// An earlier event of its stream is parked.
    pub(super) waits: bool,
}

/// Which transports are given events.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    All,
    /// What was parked is known to the others.
    ThoseThatRefuse,
}

/// What was read at once.
#[derive(Default)]
struct Batch {
    events: Vec<Recorded>,
    /// Everything up to here has been read.
    through: Option<Position>,
    head: Option<Head>,
    /// What ended the reading.
    failed: Option<es_core::Error>,
}

impl Worker {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { name, mark, store, progress, owner, routes, timing, commands, stop, status } =
            parts;
        let routes = Arc::new(routes);
        Self { name, mark, store, progress, owner, routes, timing, commands, stop, status }
    }

    pub(super) async fn run(mut self) {
        loop {
            let end = match self.claim().await {
                Ok(term) => {
                    info!(relay = %self.name, epoch = term.checkpoint.epoch,
                        position = %term.checkpoint.position, "the relay is active");
                    self.serve(term).await
                }
                Err(end) => end,
            };
            match end {
                End::Asked => return self.state(RelayState::Stopped),
                End::Reopen => {}
                End::Fenced(error) => {
                    info!(relay = %self.name, %error, "another relay has taken over");
                    self.told(&error);
                    if self.timing.lease.is_none() {
                        return self.state(RelayState::Fenced);
                    }
                }
                End::Failed(error) => {
                    error!(relay = %self.name, cause = with_causes(&error), "the relay has failed");
                    self.told(&error);
                    return self.state(RelayState::Failed);
                }
            }
        }
    }

    fn told(&self, error: &es_core::Error) {
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
        let mut follow = self.store.follow(read.after(from).of_log(term.publisher.log));
        let mut attempt = 0;
        loop {
            let due = self.due(term);
            let mut stop = self.stop.clone();
            let mut batch = tokio::select! {
                biased;
                () = async { drop(stop.wait_for(|stop| *stop).await) } => return Err(End::Asked),
                Some(command) = self.commands.recv() => {
                    self.command(term, command).await?;
                    continue;
                }
                () = sleep_until(due) => {
                    self.sign_of_life(term).await?;
                    continue;
                }
                batch = gather(&mut follow, self.timing.batch) => batch,
            };
            let failed = batch.failed.take();
            if !batch.events.is_empty() || batch.through.is_some() {
                attempt = 0;
                self.publish_batch(term, batch).await?;
            }
            if let Some(error) = failed {
                attempt += 1;
                self.wait_out_alive(term, "reading the log", error, attempt).await?;
                self.state(RelayState::Active);
            }
        }
    }

    async fn publish_batch(&mut self, term: &mut Term, batch: Batch) -> Flow<()> {
        if let Some(head) = batch.head {
            self.status.send_modify(|status| status.head = head.position);
        }
        let through = batch.through.unwrap_or(term.checkpoint.position);
        let mut letters: Vec<DeadLetter> = Vec::new();
        let mut events = Vec::with_capacity(batch.events.len());
        for event in batch.events.into_iter().filter(|event| !event.part.is_dropped()) {
            let first = term.parked.get(&event.stream);
            let waits = first.is_some_and(|first| event.position >= *first);
            // What is given again was parked before, and the parts of an event share a letter.
            let is_new = event.position > term.checkpoint.position
                && letters.last().is_none_or(|letter| letter.event != event.id);
            if waits && is_new {
                letters.push(waiting(&self.name, &event));
            }
            events.push(Due { event, waits });
        }
        let last = events.last().map(|due| &due.event);
        let last = last.filter(|event| event.position == through).map(|event| event.id);
        let refused = self.publish_everywhere(term, &events, through, To::All).await?;
        for Refused { event, cause, attempts } in refused {
            let letter = waiting(&self.name, &event);
            letters.push(match cause {
                Some(cause) => letter.failed(cause, attempts),
                None => letter,
            });
        }
        letters.sort_by_key(|letter| letter.position);
        self.save(term, through, last, letters).await
    }

    /// Publishes on every route that covers them; gives what was refused, each event once.
    pub(super) async fn publish_everywhere(
        &mut self,
        term: &mut Term,
        events: &[Due],
        through: Position,
        to: To,
    ) -> Flow<Vec<Refused>> {
        let routes = Arc::clone(&self.routes);
        let publisher = term.publisher.clone();
        let mut all: Vec<Refused> = Vec::new();
        for route in &*routes {
            let may_refuse = route.transport.may_refuse();
            if to == To::ThoseThatRefuse && !may_refuse {
                continue;
            }
            let is_for_it =
                |due: &&Due| !(due.waits && may_refuse) && route.interest.covers(&due.event);
            let covered = events.iter().filter(is_for_it).map(|due| due.event.clone());
            let covered: Vec<Recorded> = covered.collect();
            let refused = self.publish_on(term, route, &publisher, &covered, through).await?;
            for refused in refused {
                match all.iter_mut().find(|known| known.event.id == refused.event.id) {
                    Some(known) if known.cause.is_none() => *known = refused,
                    Some(_) => {}
                    None => all.push(refused),
                }
            }
        }
        all.sort_by_key(|refused| refused.event.position);
        Ok(all)
    }

    /// Publishes on one route, as often as it takes; gives what was refused.
    async fn publish_on(
        &mut self,
        term: &mut Term,
        route: &Route,
        publisher: &Publisher,
        covered: &[Recorded],
        through: Position,
    ) -> Flow<Vec<Refused>> {
        let mut attempt = 0;
        let refused = loop {
            let (store, name) = (self.store.clone(), self.name.clone());
            let is_history = covered.last().is_some_and(|e| e.position <= term.history);
            let of = (store.observer(), name.as_str());
            let watched = Publishing::begin(of.0, of.1, covered, through, is_history);
            let publishing = route.transport.publish(publisher, covered, through);
            let publishing = HISTORY.scope(is_history, publishing).instrument(watched.span.clone());
            let answer = self.beside_signs_of_life(term, publishing).await?;
            let refused = answer.as_ref().map_or(covered.len(), Vec::len);
            let published = covered.len().saturating_sub(refused) as u64;
            watched.end(published, answer.as_ref().err());
            match answer {
                Ok(refused) => break refused,
                Err(error) if error.kind() == ErrorKind::NotFound => return Err(End::Reopen),
                Err(error) => {
                    attempt += 1;
                    self.wait_out_alive(term, "publishing", error, attempt).await?;
                }
            }
        };
        let count = covered.len().saturating_sub(refused.len());
        self.status.send_modify(|status| {
            status.published += u64::try_from(count).unwrap_or(0);
            status.state = RelayState::Active;
        });
        Ok(refused)
    }

    /// Saves where it is, and what is parked, in one commit.
    async fn save(
        &mut self,
        term: &mut Term,
        through: Position,
        last: Option<es_core::EventId>,
        letters: Vec<DeadLetter>,
    ) -> Flow<()> {
        if through <= term.checkpoint.position && letters.is_empty() {
            return Ok(());
        }
        let mut progress = Progress::from(&term.checkpoint, through.max(term.checkpoint.position));
        progress.event = last;
        for letter in &letters {
            term.parked.entry(letter.stream.clone()).or_insert(letter.position);
        }
        self.advance(term, progress.with_parked(letters)).await
    }

    pub(super) async fn advance(&mut self, term: &mut Term, progress: Progress) -> Flow<()> {
        let store = Arc::clone(&self.progress);
        self.persist("saving the checkpoint", || store.advance(&progress)).await?;
        term.saved_at = Instant::now();
        if progress.event.is_some() || progress.position > term.checkpoint.position {
            term.checkpoint.event = progress.event;
        }
        term.checkpoint.position = progress.position;
        term.publisher.published = progress.position;
        self.status.send_modify(|status| {
            if status.position != progress.position {
                status.moved_at = Instant::now();
            }
            status.position = progress.position;
            status.head = status.head.max(progress.position);
            status.parked_streams = term.parked.len();
        });
        Ok(())
    }

    /// When something is to be said or asked even if nothing is appended.
    pub(super) fn due(&self, term: &Term) -> Instant {
        let later = |from: Instant, by| from.checked_add(by).unwrap_or_else(|| far(from));
        let asked = later(term.asked_at, self.timing.consumed_every);
        match self.timing.lease {
            Some(lease) => asked.min(later(term.saved_at, lease / 3)),
            None => asked,
        }
    }

    /// Says that it is alive, if that is due, and saves up to where everyone has consumed.
    pub(super) async fn sign_of_life(&mut self, term: &mut Term) -> Flow<()> {
        let now = Instant::now();
        if let Some(lease) = self.timing.lease
            && now.saturating_duration_since(term.saved_at) >= lease / 3
        {
            let mut progress = Progress::from(&term.checkpoint, term.checkpoint.position);
            progress.event = term.checkpoint.event;
            self.advance(term, progress).await?;
        }
        if now.saturating_duration_since(term.asked_at) >= self.timing.consumed_every {
            term.asked_at = now;
            self.save_consumed(term).await?;
        }
        Ok(())
    }

    async fn save_consumed(&mut self, term: &mut Term) -> Flow<()> {
        let routes = Arc::clone(&self.routes);
        let mut lowest: Option<Position> = None;
        for route in &*routes {
            match route.transport.consumed(&term.publisher).await {
                Ok(None) => {}
                Ok(Some(position)) => {
                    lowest = Some(lowest.map_or(position, |lowest| lowest.min(position)));
                }
                Err(error) if error.kind() == ErrorKind::NotFound => return Err(End::Reopen),
                Err(error) if error.kind() == ErrorKind::Fenced => return Err(End::Fenced(error)),
                // It is asked again soon.
                Err(error) => {
                    self.told(&error);
                    return Ok(());
                }
            }
        }
        let consumed = lowest.unwrap_or(Position::START).min(term.checkpoint.position);
        if consumed > term.mark.position {
            self.advance_mark(term, consumed).await?;
            self.status.send_modify(|status| status.consumed = consumed);
        }
        Ok(())
    }

    /// Saves up to where everyone has consumed.
    ///
    /// Checkpoint and mark are two claims, and one that was overtaken between them takes the
    /// mark from the relay that overtook it. The checkpoint decides who is active.
    async fn advance_mark(&mut self, term: &mut Term, consumed: Position) -> Flow<()> {
        loop {
            let progress = Progress::from(&term.mark, consumed);
            let store = Arc::clone(&self.progress);
            match self.persist("saving what was consumed", || store.advance(&progress)).await {
                Ok(()) => break,
                Err(End::Fenced(error)) => {
                    let name = self.name.clone();
                    let look = || store.checkpoint(&name);
                    let known = self.persist("looking at the checkpoint", look).await?;
                    if known.is_none_or(|known| known.epoch != term.checkpoint.epoch) {
                        return Err(End::Fenced(error));
                    }
                    let (mark, owner) = (self.mark.clone(), self.owner.clone());
                    let claim = || store.claim(&mark, term.publisher.log, &owner);
                    term.mark = self.persist("claiming the mark again", claim).await?;
                    if term.mark.position >= consumed {
                        break;
                    }
                }
                Err(end) => return Err(end),
            }
        }
        term.mark.position = term.mark.position.max(consumed);
        term.publisher.consumed = term.mark.position;
        Ok(())
    }

    /// Drives a call that may take long, and says meanwhile that it is alive.
    async fn beside_signs_of_life<T>(
        &mut self,
        term: &mut Term,
        call: impl Future<Output = Result<T>>,
    ) -> Flow<Result<T>> {
        let mut call = pin!(call);
        loop {
            let due = self.due(term);
            tokio::select! {
                biased;
                done = &mut call => return Ok(done),
                () = sleep_until(due) => self.sign_of_life(term).await?,
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

/// A moment that is never reached.
fn far(from: Instant) -> Instant {
    const YEAR: std::time::Duration = std::time::Duration::from_secs(365 * 86_400);
    from.checked_add(YEAR).unwrap_or(from)
}

/// Waits for something to read, and takes what else is there already, up to `most` events.
///
/// Dropping the future loses nothing: it waits only before it has taken anything.
async fn gather(follow: &mut FollowStream, most: usize) -> Batch {
    let mut batch = Batch::default();
    let mut next = follow.next().await;
    loop {
        match next {
            Some(Ok(Follow::Event(event))) => {
                if event.is_last_part() {
                    batch.through = Some(event.position);
                }
                batch.events.push(event);
            }
            Some(Ok(Follow::CaughtUp(head))) => {
                batch.through = Some(head.position);
                batch.head = Some(head);
                return batch;
            }
            Some(Err(error)) => {
                batch.failed = Some(error);
                return batch;
            }
            None => {
                let message = "following the log has ended";
                batch.failed = Some(es_core::Error::new(ErrorKind::Closed, message));
                return batch;
            }
        }
        if batch.events.len() >= most {
            return batch;
        }
        match follow.next().now_or_never() {
            Some(more) => next = more,
            None => return batch,
        }
    }
}
