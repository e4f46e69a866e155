//! Events are handled: all at once if that works, smaller parts of them if it does not, down
//! to the one that is at fault.
//!
//! *Hazard.* One bad event in a batch of hundreds must cost neither the others nor the
//! batch's speed for ever after.
//! *Mechanism.* What failed was rolled back. It is cut in two and each half tried on its
//! own, so that the bad event is alone after a few cuts. It is parked; the rest goes on in
//! the largest pieces that work.
//! *Why it is sound.* The pieces are committed in order, each with the checkpoint at its
//! end. A cut never goes through one recorded event that an upcaster split.
//! *Cost.* About twice the logarithm of the batch in transactions for each bad event.

use std::{borrow::Cow, collections::VecDeque, ops::Range, sync::Arc};

use es_core::{DeadLetter, Error, ErrorKind, Observation, Position, Progress, Recorded};

use super::{Flow, Worker, save::heals};
use crate::{engine::Failure, observe::HANDLER};

impl Worker {
    /// Handles the events; everything up to `up_to` is handled or parked then. Between two
    /// transactions it looks whether something else is to be done first, and says `false` then:
    /// what is saved by then is handled, and the rest is to be read again.
    pub(super) async fn work(&mut self, events: &[Recorded], up_to: Position) -> Flow<bool> {
        let mut todo = pieces(events, self.size);
        let mut is_first = true;
        while let Some(piece) = todo.pop_front() {
            if !is_first && (self.is_to_leave() || !self.commands.is_empty()) {
                return Ok(false);
            }
            is_first = false;
            let part = &events[piece.clone()];
            let up_to = match part.last() {
                Some(last) if piece.end < events.len() => last.position,
                _ => up_to,
            };
            let (free, waiting) = self.divide(part);
            let progress = self.progress(up_to, part.last()).with_parked(waiting);
            if free.is_empty() {
                self.advance(&progress, 0).await?;
                continue;
            }
            let Some(failure) = self.attempt(&free, progress).await? else {
                continue;
            };
            let handled = self.keep(&failure, &free, part).await?;
            if handled > 0 {
                todo.push_front(piece.start + handled..piece.end);
            } else if let Some(middle) = middle(part) {
                todo.push_front(piece.start + middle..piece.end);
                todo.push_front(piece.start..piece.start + middle);
            } else if !self.fail(part, up_to, failure).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sets aside what belongs to streams that are parked: it waits behind them.
    fn divide<'e>(&self, events: &'e [Recorded]) -> (Cow<'e, [Recorded]>, Vec<DeadLetter>) {
        let view = self.job.board.view();
        if view.parked.is_empty() {
            return (Cow::Borrowed(events), Vec::new());
        }
        let (mut free, mut waiting) = (Vec::new(), Vec::<DeadLetter>::new());
        for event in events {
            if !view.parked.contains_key(&event.stream) {
                free.push(event.clone());
            } else if waiting.last().is_none_or(|last| last.position != event.position) {
                waiting.push(self.letter(event));
            }
        }
        (Cow::Owned(free), waiting)
    }

    /// The letter of an event that was not tried.
    pub(super) fn letter(&self, event: &Recorded) -> DeadLetter {
        let subscriber = self.job.subscriber.clone();
        DeadLetter::waiting(subscriber, event.position, event.id, event.stream.clone())
    }

    /// Handles the events and saves the progress. Says why it could not, if that is up to
    /// the events.
    pub(super) async fn attempt(
        &mut self,
        events: &[Recorded],
        mut progress: Progress,
    ) -> Flow<Option<Failure>> {
        let job = Arc::clone(&self.job);
        let mut attempt = 0;
        loop {
            progress.epoch = self.checkpoint.epoch;
            let handled = self.alive().during(job.engine.handle(events, &progress)).await;
            let error = match handled {
                Ok(()) if job.engine.commits() => {
                    self.committed(&progress, events.len());
                    return Ok(None);
                }
                Ok(()) => {
                    self.advance(&progress, events.len()).await?;
                    return Ok(None);
                }
                Err(Failure::Commit(error)) if error.kind() == ErrorKind::OutcomeUnknown => {
                    if self.settle(&progress, error).await? {
                        self.committed(&progress, events.len());
                        return Ok(None);
                    }
                    continue;
                }
                // What a commit fails with may be up to the rows: a constraint that is
                // checked late, a value that the model does not take, a transaction that the
                // handler has ended. Were it not, parking the event would fail with it too.
                Err(Failure::Commit(error)) if is_up_to_rows(&error) => {
                    self.tell(failed);
                    return Ok(Some(Failure::Commit(error)));
                }
                Err(Failure::Model(error) | Failure::Commit(error)) => error,
                Err(failure @ Failure::Handler { .. }) => {
                    self.tell(failed);
                    return Ok(Some(failure));
                }
            };
            attempt += 1;
            self.wait_out("committing", error, attempt).await?;
        }
    }

    /// Finds out whether a commit happened whose reply was lost.
    ///
    /// *Hazard.* It may be on its way still, and take place after the checkpoint was looked
    /// at and the events were handled again.
    /// *Mechanism.* Claiming again raises the epoch, so that a commit of the old epoch can
    /// take place before the claim or never; the checkpoint that the claim answers tells.
    ///
    /// It may also tell that the model has lost commits that were acknowledged: a failover to
    /// a replica that lagged, or a restored backup. Going on from the batch at hand would
    /// leave a hole, so the worker ends as one that was fenced, and whoever claims next begins
    /// where the model is.
    async fn settle(&mut self, progress: &Progress, error: Error) -> Flow<bool> {
        let (job, around) = (Arc::clone(&self.job), Arc::clone(&self.around));
        let store = job.engine.progress();
        self.wait_out("committing", error, 1).await?;
        let look = || store.checkpoint(&job.subscriber);
        let known = self.persist("looking at its checkpoint", look).await?;
        if let Some(known) = known.filter(|known| known.epoch != progress.epoch) {
            let fenced = es_core::Fenced::new(job.subscriber.clone(), progress.epoch, known.epoch);
            return Err(super::End::Fenced(fenced.into()));
        }
        let mut tries = 0;
        let claim = || {
            tries += 1;
            store.claim(&job.subscriber, progress.log, &around.owner)
        };
        let claimed = self.persist("claiming its checkpoint", claim).await?;
        let epoch = claimed.epoch;
        // Each claim raises it by one. More, or another place, is the work of somebody who
        // claimed between the look and this claim: what is in memory here may not be so.
        let ours = progress.epoch + 1..=progress.epoch + tries;
        let places = [self.checkpoint.position, progress.position];
        let is_ahead = claimed.position > self.checkpoint.position;
        if !ours.contains(&epoch) || (is_ahead && !places.contains(&claimed.position)) {
            let fenced = es_core::Fenced::new(job.subscriber.clone(), progress.epoch, epoch);
            return Err(super::End::Fenced(fenced.into()));
        }
        if claimed.position < self.checkpoint.position {
            let (was, is) = (self.checkpoint.position, claimed.position);
            let subscriber = &job.subscriber;
            tracing::error!(%subscriber, %was, %is, "its read model has lost commits and begins again there");
            let fenced = es_core::Fenced::new(subscriber.clone(), progress.epoch, epoch);
            return Err(super::End::Fenced(fenced.into()));
        }
        self.checkpoint.epoch = epoch;
        job.board.change(|view| {
            view.epoch = epoch;
            view.is_retrying = false;
        });
        let Some(released) = progress.released.first() else {
            return Ok(claimed.position >= progress.position);
        };
        // The position did not move; that the letter is gone tells.
        Ok(self.find_letter(released.position()).await?.is_none())
    }

    /// Saves that some events are handled for good although one behind them failed, and says
    /// how many of `part` that makes. With a read model there are none: they were rolled
    /// back.
    async fn keep(
        &mut self,
        failure: &Failure,
        free: &[Recorded],
        part: &[Recorded],
    ) -> Flow<usize> {
        let Failure::Handler { handled: 1.., .. } = failure else {
            return Ok(0);
        };
        let Failure::Handler { handled, .. } = *failure else {
            return Ok(0);
        };
        let Some(failed) = free.get(handled) else {
            return Ok(0);
        };
        let before = part.partition_point(|event| event.position < failed.position);
        let Some(last) = part[..before].last() else {
            return Ok(0);
        };
        let (_, waiting) = self.divide(&part[..before]);
        let progress = self.progress(last.position, Some(last)).with_parked(waiting);
        self.advance(&progress, handled).await?;
        Ok(before)
    }
}

/// Whether smaller parts of what could not be committed may do better.
fn is_up_to_rows(error: &Error) -> bool {
    error.kind() == ErrorKind::Invalid || (heals(error) && !error.is_temporary())
}

/// What is told of an attempt at events that failed.
pub(super) fn failed(subscriber: &str) -> Observation<'_> {
    Observation::AttemptFailed { subscriber, stage: HANDLER }
}

/// The events in pieces of about `size`.
fn pieces(events: &[Recorded], size: usize) -> VecDeque<Range<usize>> {
    let mut pieces = VecDeque::with_capacity(1);
    let mut start = 0;
    while start < events.len() {
        let end = whole(events, start.saturating_add(size));
        pieces.push_back(start..end);
        start = end;
    }
    pieces
}

/// The first place at `at` or behind it that is not within one recorded event.
fn whole(events: &[Recorded], at: usize) -> usize {
    let mut at = at.clamp(1, events.len().max(1));
    while at < events.len() && events[at - 1].position == events[at].position {
        at += 1;
    }
    at
}

/// Where to cut; `None` when there is one recorded event only.
fn middle(events: &[Recorded]) -> Option<usize> {
    let middle = whole(events, events.len() / 2);
    if middle < events.len() {
        return Some(middle);
    }
    // The last recorded event is more than half of it.
    let last = events.last()?.position;
    let before = events.partition_point(|event| event.position < last);
    (before > 0).then_some(before)
}

#[cfg(test)]
mod tests;
