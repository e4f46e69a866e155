//! A runner at work, and what can be asked of it.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use es_core::{DeadLetter, Error, ErrorKind, Position, Receipt, Result, StreamId};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

use super::{Runner, membership::Membership, seat::Seat};
use crate::{
    State, Status, WaitError,
    board::{Command, Order},
    observe::Watch,
    status::Kept,
    wait::{self, moment_in},
    worker::Surroundings,
};

/// A runner at work. Dropping it stops the workers at once: what they have not committed is
/// rolled back. [`Running::stop`] lets them finish what they have in hand.
///
/// A subscriber is asked for by the name of its projection (`orders`, which means the
/// highest version that runs) or by that of its progress (`orders-v2`). If it is in slices,
/// what is asked is asked of all that this process works on, or of one (`orders-v2.1of4`).
pub struct Running {
    pub(super) around: Arc<Surroundings>,
    pub(super) seats: Vec<Seat>,
    memberships: Vec<Membership>,
    _watch: Option<Watch>,
}

/// What trying parked events again has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retried {
    /// How many were handled.
    pub handled: u64,
    /// How many are parked still, over all streams.
    pub still_parked: u64,
}

/// How stopping went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// The subscribers that were not done in time. What they had in hand is rolled back.
    pub aborted: Vec<String>,
}

impl Runner {
    /// Starts all workers and returns at once.
    ///
    /// # Errors
    /// What was wrong with a registration; `Unsupported` outside of a tokio runtime.
    pub fn start(mut self) -> Result<Running> {
        let around = self.surroundings()?;
        let mut memberships: Vec<Membership> = Vec::new();
        let mut seats = Vec::with_capacity(self.jobs.len());
        for job in &self.jobs {
            if memberships.last().is_none_or(|last| last.whole != job.whole) {
                memberships.extend(Membership::start(job, &around));
            }
            let membership = memberships.last().filter(|last| last.whole == job.whole);
            let share = membership.map(|membership| Arc::clone(&membership.share));
            seats.push(Seat::start(Arc::clone(job), &around, share));
        }
        let watch = around.store.observer().map(|observer| {
            Watch::start(self.jobs.clone(), Arc::clone(&around), self.watch_every, observer)
        });
        Ok(Running { around, seats, memberships, _watch: watch })
    }

    /// Works until `stop` returns (a signal, say) and then as [`Running::stop`] does.
    ///
    /// # Errors
    /// Those of [`Runner::start`].
    ///
    /// # Cancel safety
    /// Dropping the future stops the workers at once.
    pub async fn run_until(
        self,
        stop: impl Future<Output = ()> + Send,
        within: Duration,
    ) -> Result<Stopped> {
        let running = self.start()?;
        stop.await;
        Ok(running.stop(within).await)
    }
}

impl Running {
    /// Lets a subscriber wait, once what it has in hand is committed.
    ///
    /// # Errors
    /// `NotFound` when there is none of that name.
    pub fn pause(&self, name: &str) -> Result<()> {
        self.seats(name)?.into_iter().for_each(|seat| seat.order(Order::Pause));
        Ok(())
    }

    /// Lets a subscriber work on, or again, if it has failed or was fenced. In the latter
    /// case it takes over from the other owner.
    ///
    /// # Errors
    /// `NotFound` when there is none of that name.
    pub fn resume(&self, name: &str) -> Result<()> {
        let seats = self.seats(name)?;
        let is_theirs = |m: &&Membership| seats.iter().any(|seat| seat.job.whole == m.whole);
        self.memberships.iter().filter(is_theirs).for_each(|m| m.resume(&self.around));
        seats.into_iter().for_each(|seat| seat.resume(&self.around));
        Ok(())
    }

    /// Waits until a subscriber has seen everything that `receipt` tells of, so that what
    /// was written can be read from its rows (P6). If it is in slices, all of them have seen
    /// it then, those of other processes too.
    ///
    /// # Errors
    /// [`WaitError`]: it was not done in `within`; it parked one of the events; it has
    /// stopped; the receipt is of another log.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn wait_for(
        &self,
        name: &str,
        receipt: &Receipt,
        within: Duration,
    ) -> Result<(), WaitError> {
        let deadline = moment_in(within);
        for seat in self.seats(name).map_err(WaitError::Failed)? {
            wait::in_process(&seat.job, receipt, deadline).await?;
        }
        Ok(())
    }

    /// The dead letters of a subscriber behind `after`, by position, at most `limit`.
    ///
    /// # Errors
    /// `NotFound` when there is none of that name; else those of its store.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn dead_letters(
        &self,
        name: &str,
        after: Position,
        limit: usize,
    ) -> Result<Vec<DeadLetter>> {
        let mut letters = Vec::new();
        for Seat { job, .. } in self.seats(name)? {
            letters
                .extend(job.engine.progress().dead_letters(&job.subscriber, after, limit).await?);
        }
        letters.sort_by_key(|letter| letter.position);
        letters.truncate(limit);
        Ok(letters)
    }

    /// What a subscriber has given up, with the reasons, by position, at most `limit`.
    ///
    /// # Errors
    /// `NotFound` when there is none of that name; else those of its store.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn skipped(
        &self,
        name: &str,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(DeadLetter, String)>> {
        let mut skipped = Vec::new();
        for Seat { job, .. } in self.seats(name)? {
            skipped.extend(job.engine.progress().skipped(&job.subscriber, after, limit).await?);
        }
        skipped.sort_by_key(|(letter, _)| letter.position);
        skipped.truncate(limit);
        Ok(skipped)
    }

    /// Handles the parked events of `stream`, or of all streams, each stream in its order;
    /// it stops in a stream in front of an event that still fails. The worker does it
    /// between two batches, so that new events of the stream come behind.
    ///
    /// Of a projection in slices, the streams of slices that another process works on are
    /// not tried; [`Retried::still_parked`] counts them.
    ///
    /// # Errors
    /// `NotFound` when there is no subscriber of that name; `Closed` when it does not work.
    ///
    /// # Cancel safety
    /// The events are tried whether or not somebody waits for the answer.
    pub async fn retry_parked(&self, name: &str, stream: Option<StreamId>) -> Result<Retried> {
        let mut seats = self.seats(name)?;
        if let Some(stream) = &stream {
            seats.retain(|seat| seat.job.slice.is_none_or(|slice| slice.covers(stream)));
        }
        let (mut retried, mut elsewhere) = (Retried::default(), None);
        let count = seats.len();
        for seat in seats {
            let stream = stream.clone();
            match ask(seat, |reply| Command::Retry { stream, reply }).await {
                Ok(of_it) => {
                    retried.handled += of_it.handled;
                    retried.still_parked += of_it.still_parked;
                }
                Err(error) if count > 1 && seat.job.board.view().state == State::Standby => {
                    let kept = Kept::of(seat.job.engine.progress(), &seat.job.subscriber).await?;
                    retried.still_parked += kept.parked();
                    elsewhere = Some(error).filter(|_| kept.parked() > 0).or(elsewhere);
                }
                Err(error) => return Err(error),
            }
        }
        match elsewhere {
            Some(error) if retried.handled == 0 => Err(error),
            _ => Ok(retried),
        }
    }

    /// Gives up the parked event at `position` for a reason that is kept with it; says
    /// whether there was one. Later events of its stream wait until they are retried.
    ///
    /// # Errors
    /// `NotFound` when there is no subscriber of that name; `Closed` when it does not work.
    ///
    /// # Cancel safety
    /// The event is given up whether or not somebody waits for the answer.
    pub async fn skip_parked(
        &self,
        name: &str,
        position: Position,
        reason: impl Into<String> + Send,
    ) -> Result<bool> {
        let reason = reason.into();
        for seat in self.seats(name)? {
            let (job, before) = (&seat.job, Position::new(position.get().saturating_sub(1)));
            if job.slice.is_some() {
                let first = job.engine.progress().dead_letters(&job.subscriber, before, 1).await?;
                if first.first().is_none_or(|letter| letter.position != position) {
                    continue;
                }
            }
            return ask(seat, |reply| Command::Skip { position, reason, reply }).await;
        }
        Ok(false)
    }

    /// What a subscriber is doing (P4).
    ///
    /// # Errors
    /// `NotFound` when there is none of that name. A log that cannot be asked is no error
    /// but told by the status.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn status(&self, name: &str) -> Result<Status> {
        let head = self.around.store.head().await;
        let seats = self.seats(name)?;
        let mut statuses = Vec::with_capacity(seats.len());
        for seat in &seats {
            statuses.push(self.around.report(&seat.job, head.as_ref()).await);
        }
        let status = match seats.as_slice() {
            [_] => statuses.pop(),
            [first, ..] => Status::of_slices(&first.job.whole, statuses),
            [] => None,
        };
        status.ok_or_else(|| unknown(name, &self.seats))
    }

    /// What all subscribers are doing, in the order in which they were registered.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn statuses(&self) -> Vec<Status> {
        let mut statuses: Vec<Status> = Vec::with_capacity(self.seats.len());
        for seat in &self.seats {
            let whole = &seat.job.whole;
            if statuses.last().is_none_or(|last| last.subscriber != *whole)
                && let Ok(status) = self.status(whole.as_str()).await
            {
                statuses.push(status);
            }
        }
        statuses
    }

    /// Lets the workers commit what they have in hand, save how far they have got, and end.
    /// Those that are not done in `within` are ended as they are.
    ///
    /// # Cancel safety
    /// The workers that are done stay so; the others go on with what they have in hand and
    /// end then.
    pub async fn stop(&self, within: Duration) -> Stopped {
        self.stop_by(moment_in(within)).await
    }

    /// Lets the workers handle everything that is in the log now, and then stops them as
    /// [`Running::stop`] does; all of it in `within`. Those that are paused or have ended
    /// or stand by are not waited for.
    ///
    /// # Errors
    /// Those of looking at the log; then nothing was stopped.
    ///
    /// # Cancel safety
    /// As of [`Running::stop`].
    pub async fn drain(&self, within: Duration) -> Result<Stopped> {
        let deadline = moment_in(within);
        let head = self.around.store.head().await?;
        for seat in &self.seats {
            let (orders, mut views) = (seat.orders(), seat.job.board.watch());
            let done = views.wait_for(|view| {
                let is_idle = match view.state {
                    // One that was told to go on shows that later.
                    State::Paused => *orders.borrow() == Order::Pause,
                    State::Standby => true,
                    state => state.is_over(),
                };
                is_idle || view.position >= head.position
            });
            // Late or not, it is stopped next.
            let _ = timeout_at(deadline, done).await;
        }
        Ok(self.stop_by(deadline).await)
    }

    async fn stop_by(&self, deadline: Instant) -> Stopped {
        for seat in &self.seats {
            seat.order(Order::Stop);
        }
        let mut stopped = Stopped::default();
        for seat in &self.seats {
            let Some(mut task) = seat.take() else { continue };
            if timeout_at(deadline, &mut task).await.is_err() {
                task.abort();
                seat.job.board.end(State::Stopped, None);
                stopped.aborted.push(seat.job.subscriber.to_string());
            }
        }
        // Behind the workers: until they are done this process is at work.
        for membership in &self.memberships {
            let Some(mut task) = membership.stop() else { continue };
            if timeout_at(deadline, &mut task).await.is_err() {
                task.abort();
            }
        }
        stopped
    }

    /// Those that `name` means: one, or the slices of one projection.
    fn seats(&self, name: &str) -> Result<Vec<&Seat>> {
        let exact = self.seats.iter().find(|seat| seat.job.subscriber == name);
        if let Some(seat) = exact {
            return Ok(vec![seat]);
        }
        let is_named = |seat: &&Seat| seat.job.name == name || seat.job.whole == name;
        let named = self.seats.iter().filter(is_named);
        let newest = named.max_by_key(|seat| seat.job.version);
        let whole = &newest.ok_or_else(|| unknown(name, &self.seats))?.job.whole;
        Ok(self.seats.iter().filter(|seat| seat.job.whole == *whole).collect())
    }
}

async fn ask<T>(seat: &Seat, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T> {
    let (reply, answer) = oneshot::channel();
    let closed = || {
        let (subscriber, state) = (&seat.job.subscriber, seat.job.board.view().state);
        Error::new(ErrorKind::Closed, format!("{subscriber} does not work: it is {state}"))
    };
    seat.commands().send(command(reply)).await.map_err(|_| closed())?;
    answer.await.map_err(|_| closed())
}

fn unknown(name: &str, seats: &[Seat]) -> Error {
    let known: Vec<_> = seats.iter().map(|seat| seat.job.subscriber.as_str()).collect();
    let message = format!("no subscriber is called {name:?}; there are {known:?}");
    Error::new(ErrorKind::NotFound, message)
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let states = self.seats.iter().map(|s| (&s.job.subscriber, s.job.board.view().state));
        f.debug_struct("Running").field("states", &states.collect::<Vec<_>>()).finish()
    }
}
