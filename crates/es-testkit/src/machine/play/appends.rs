//! Appends, one after the other.

use es_core::{Position, Read, Receipt, Result};

use super::Play;
use crate::machine::{
    compare::{Mismatch, failed},
    draft::Draft,
    model::shown,
};

impl Play<'_> {
    /// Appends to both and compares the answers.
    pub(super) async fn append(&mut self, draft: &Draft) -> Result<(), Mismatch> {
        self.say(|| draft.to_string());
        let answer = draft.handle(self.store).append(draft.append()).await;
        self.came(|| shown(&answer));
        let positions = self.positions(draft, &answer).await?;
        let outcome = self.model.take(draft, &answer, &positions)?;
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
