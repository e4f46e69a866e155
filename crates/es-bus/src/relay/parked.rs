//! What a transport refused: tried again, or given up.

use std::sync::Arc;

use es_core::{DeadLetter, Position, Progress, Read, Release, StreamId};
use tracing::{info, warn};

use super::{
    persist::Flow,
    publish::{Due, To},
    worker::{Term, Worker},
};
use crate::Replayed;

/// How many dead letters are listed at once.
const LETTERS: usize = 500;

impl Worker {
    /// Publishes what is parked again where it may have been refused, in order; in each stream up
    /// to what is refused again.
    pub(super) async fn retry_parked(&mut self, term: &mut Term) -> Flow<Replayed> {
        let mut replayed = Replayed::default();
        let mut stuck: Vec<StreamId> = Vec::new();
        let mut after = Position::START;
        loop {
            let letters = self.letters(after, LETTERS).await?;
            let Some(last) = letters.last() else { break };
            after = last.position;
            for letter in letters {
                if stuck.contains(&letter.stream) {
                    replayed.left += 1;
                } else if self.retry_one(term, letter.clone()).await? {
                    replayed.handled += 1;
                } else {
                    replayed.left += 1;
                    stuck.push(letter.stream);
                }
            }
        }
        self.look_at_parked(term).await?;
        info!(relay = %self.name, ?replayed, "parked events were published again");
        Ok(replayed)
    }

    async fn retry_one(&mut self, term: &mut Term, letter: DeadLetter) -> Flow<bool> {
        let store = self.store.clone();
        let read = || store.read(Read::event(letter.event)).into_vec();
        let events = self.persist("reading a parked event", read).await?;
        let events = events.into_iter().filter(|event| !event.part.is_dropped());
        let events: Vec<Due> = events.map(|event| Due { event, waits: false }).collect();
        let through = term.checkpoint.position;
        let refused = self.publish_everywhere(term, &events, through, To::ThoseThatRefuse).await?;
        let position = letter.position;
        let mut progress = Progress::from(&term.checkpoint, term.checkpoint.position);
        progress.event = term.checkpoint.event;
        if let Some(refused) = refused.into_iter().next() {
            let attempts = letter.attempts.saturating_add(refused.attempts);
            let first = letter.first_failed_at;
            let cause = refused.cause.or_else(|| letter.cause.clone());
            let mut letter = letter.failed(cause.unwrap_or_default(), attempts);
            letter.first_failed_at = first;
            self.advance(term, progress.with_parked(vec![letter])).await?;
            return Ok(false);
        }
        self.advance(term, progress.with_released(vec![Release::Handled(position)])).await?;
        Ok(true)
    }

    pub(super) async fn skip_parked(
        &mut self,
        term: &mut Term,
        position: Position,
        reason: String,
    ) -> Flow<bool> {
        if !self.has_letter(position).await? {
            return Ok(false);
        }
        warn!(relay = %self.name, %position, reason, "a parked event is given up");
        let mut progress = Progress::from(&term.checkpoint, term.checkpoint.position);
        progress.event = term.checkpoint.event;
        let released = vec![Release::Skipped(position, reason)];
        self.advance(term, progress.with_released(released)).await?;
        self.look_at_parked(term).await?;
        Ok(true)
    }

    /// Whether the event at `position` is parked.
    pub(super) async fn has_letter(&mut self, position: Position) -> Flow<bool> {
        let before = Position::new(position.get().saturating_sub(1));
        let letters = self.letters(before, 1).await?;
        Ok(letters.first().is_some_and(|letter| letter.position == position))
    }

    async fn letters(&mut self, after: Position, limit: usize) -> Flow<Vec<DeadLetter>> {
        let (progress, name) = (Arc::clone(&self.progress), self.name.clone());
        self.persist("listing what is parked", || progress.dead_letters(&name, after, limit)).await
    }

    async fn look_at_parked(&mut self, term: &mut Term) -> Flow<()> {
        let (progress, name) = (Arc::clone(&self.progress), self.name.clone());
        let list = || progress.parked_streams(&name);
        term.parked = self.persist("listing what is parked", list).await?.into_iter().collect();
        self.status.send_modify(|status| status.parked_streams = term.parked.len());
        Ok(())
    }
}
