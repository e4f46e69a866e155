//! Appends, one after the other.

use std::{future::poll_fn, task::Poll};

use es_core::{Position, Read, Receipt, Result};

use super::Play;
use crate::machine::{
    compare::{Mismatch, failed},
    draft::Draft,
    model::shown,
};
use crate::tasks::turns;

impl Play<'_> {
    /// Appends to both and compares the answers.
    pub(super) async fn append(&mut self, draft: &Draft) -> Result<(), Mismatch> {
        self.told.say(|| draft.to_string());
        let answer = draft.handle(self.store).append(draft.append()).await;
        self.told.came(|| shown(&answer));
        self.compare_append(draft, &answer).await
    }

    /// Polls an append so many times, drops it, and appends the same again, which must settle
    /// it: whether it was there by then is for the store to say.
    pub(super) async fn drop_and_append(
        &mut self,
        draft: &Draft,
        polls: u8,
    ) -> Result<(), Mismatch> {
        self.told.say(|| format!("drop after {polls} polls, and again: {draft}"));
        let handle = draft.handle(self.store);
        let answer = match poll_and_drop(handle.append(draft.append()), polls).await {
            Some(answer) => answer,
            None => {
                self.tally.dropped += 1;
                let mut answer = handle.append(draft.append()).await;
                if let Ok(receipt) = &mut answer
                    && !self.model.knows(draft)
                {
                    receipt.replayed = false; // that it was there already is as good
                }
                answer
            }
        };
        self.told.came(|| shown(&answer));
        self.compare_append(draft, &answer).await
    }

    async fn compare_append(
        &mut self,
        draft: &Draft,
        answer: &Result<Receipt>,
    ) -> Result<(), Mismatch> {
        let positions = self.positions(draft, answer).await?;
        let outcome = self.model.take(draft, answer, &positions)?;
        self.count(&outcome);
        Ok(())
    }

    /// The positions of the events that were written, none if none were.
    ///
    /// A store may leave positions out. Within an append that leaves none out they are
    /// known; otherwise the store is asked.
    pub(super) async fn positions(
        &self,
        draft: &Draft,
        answer: &Result<Receipt>,
    ) -> Result<Vec<Position>, Mismatch> {
        let Ok(receipt) = answer else {
            return Ok(Vec::new());
        };
        let count = draft.event_count();
        let (first, last) = (receipt.first.get(), receipt.last.get());
        let is_dense = last.checked_sub(first).is_some_and(|more| more + 1 == count as u64);
        if is_dense {
            return Ok((first..=last).map(Position::new).collect());
        }
        let before = Position::new(first.saturating_sub(1));
        let read = Read::all().all_tenants().after(before).until(receipt.last);
        let events = self.store.read(read).into_vec().await;
        let events =
            events.map_err(|error| Mismatch::new("the append's events", failed(&error)))?;
        Ok(events.iter().map(|event| event.position).collect())
    }
}

/// What the future gives within so many polls, if it does.
async fn poll_and_drop<F: Future>(future: F, polls: u8) -> Option<F::Output> {
    let mut future = Box::pin(future);
    for _ in 0..polls {
        match poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
            Poll::Ready(output) => return Some(output),
            Poll::Pending => turns(1).await,
        }
    }
    None
}
