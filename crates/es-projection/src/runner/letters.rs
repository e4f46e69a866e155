//! Parked events, as they are dealt with from outside: listed, tried again, given up.
//!
//! *Hazard.* The worker that could try again may be one of another process, which this one
//! cannot reach; and two that both try would apply an event twice.
//! *Mechanism.* Where this process stands by, a worker of its own takes over for a moment, does
//! what is asked, and leaves in good order. It does nothing else, so it is paused from the start.
//! *Why it is sound.* It claims like any other: the one at work is fenced, writes nothing from
//! then on, and stands by for its next chance, which comes as soon as this one has left.
//! *Cost.* What that other had in hand is done again, and nobody works meanwhile.

use std::sync::Arc;

use es_core::{DeadLetter, Error, ErrorKind, Owner, Position, Result, StreamId};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Running, seat::Seat};
use crate::{
    State,
    board::{Command, Order},
    worker::{self, Surroundings},
};

/// What trying parked events again has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retried {
    /// How many were handled.
    pub handled: u64,
    /// How many are parked still, over all streams.
    pub still_parked: u64,
}

impl Running {
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
    /// Where another process is at work and has events parked, and this one stands by, this one
    /// takes over for that moment and then leaves again: the other is fenced and goes on when it
    /// is over. Have the handler mended in both, or here first.
    ///
    /// # Errors
    /// `NotFound` when there is no subscriber of that name; `Closed` when it does not work;
    /// `Fenced` when another process has taken over meanwhile: ask again.
    ///
    /// # Cancel safety
    /// The events are tried whether or not somebody waits for the answer. Where another process
    /// is at work it ends behind the event in hand.
    pub async fn retry_parked(&self, name: &str, stream: Option<StreamId>) -> Result<Retried> {
        let mut seats = self.seats(name)?;
        if let Some(stream) = &stream {
            seats.retain(|seat| seat.job.slice.is_none_or(|slice| slice.covers(stream)));
        }
        let mut retried = Retried::default();
        for seat in seats {
            let retry = |reply| Command::Retry { stream: stream.clone(), reply };
            let of_it = match ask(seat, retry).await {
                Err(_) if is_elsewhere(seat) => {
                    // Nobody is disturbed for nothing.
                    if parked_behind(seat, Position::START).await?.is_none() {
                        continue;
                    }
                    self.ask_in_its_place(seat, retry).await?
                }
                answer => answer?,
            };
            retried.handled += of_it.handled;
            retried.still_parked += of_it.still_parked;
        }
        Ok(retried)
    }

    /// Gives up the parked event at `position` for a reason that is kept with it; says
    /// whether there was one. Later events of its stream wait until they are retried. Where
    /// another process is at work, it is done as by [`Running::retry_parked`].
    ///
    /// # Errors
    /// Those of [`Running::retry_parked`].
    ///
    /// # Cancel safety
    /// The event is given up whether or not somebody waits for the answer.
    pub async fn skip_parked(
        &self,
        name: &str,
        position: Position,
        reason: impl Into<String> + Send,
    ) -> Result<bool> {
        let (reason, before) = (reason.into(), Position::new(position.get().saturating_sub(1)));
        for seat in self.seats(name)? {
            let skip = |reply| Command::Skip { position, reason: reason.clone(), reply };
            let is_one_of_many = seat.job.slice.is_some();
            if is_one_of_many && parked_behind(seat, before).await? != Some(position) {
                continue;
            }
            return match ask(seat, skip).await {
                Err(_) if is_elsewhere(seat) => {
                    let is_there = parked_behind(seat, before).await? == Some(position);
                    Ok(is_there && self.ask_in_its_place(seat, skip).await?)
                }
                answer => answer,
            };
        }
        Ok(false)
    }

    /// Has it done by a worker that takes over for that.
    async fn ask_in_its_place<T>(
        &self,
        seat: &Seat,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T> {
        let job = Arc::new(seat.job.apart());
        // Under another name: the worker that stands by here must not take it for itself.
        let owner = Owner::new(format!("{}, for its letters", self.around.owner));
        let around = Surroundings { owner, takes_over: true, ..Surroundings::clone(&self.around) };
        let orders = watch::Sender::new(Order::Pause);
        let (commands, received) = mpsc::channel(1);
        // It ends when this future does: nobody is left then who could ask it for anything.
        let work = worker::run(job, Arc::new(around), orders.subscribe(), received, None, None);
        let worker = tokio::spawn(work);
        let (reply, answer) = oneshot::channel();
        // Should it be gone already, there is no answer.
        let _ = commands.send(command(reply)).await;
        let answer = answer.await;
        orders.send_replace(Order::Stop);
        let end = worker.await;
        answer.map_err(|_| match end {
            Ok(end) => end.into_error().unwrap_or_else(|| closed(seat)),
            Err(error) => Error::fault("a worker has died", error),
        })
    }
}

/// Whether it stands by for the worker of another process.
fn is_elsewhere(seat: &Seat) -> bool {
    seat.job.board.view().state == State::Standby
}

/// The first parked event behind this position.
async fn parked_behind(seat: &Seat, after: Position) -> Result<Option<Position>> {
    let job = &seat.job;
    let letters = job.engine.progress().dead_letters(&job.subscriber, after, 1).await?;
    Ok(letters.first().map(|letter| letter.position))
}

async fn ask<T>(seat: &Seat, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T> {
    let (reply, answer) = oneshot::channel();
    seat.commands().send(command(reply)).await.map_err(|_| closed(seat))?;
    answer.await.map_err(|_| closed(seat))
}

fn closed(seat: &Seat) -> Error {
    let (subscriber, state) = (&seat.job.subscriber, seat.job.board.view().state);
    Error::new(ErrorKind::Closed, format!("{subscriber} does not work: it is {state}"))
}
