//! Where a relay is, and up to where everyone has consumed, in the checkpoint store.

use std::sync::Arc;

use es_core::{DeadLetter, ErrorKind, EventId, Position, Progress};
use tokio::time::Instant;

use super::{
    persist::{End, Flow},
    worker::{Term, Worker},
};

impl Worker {
    /// Saves where it is, and what is parked, in one commit.
    pub(super) async fn save(
        &mut self,
        term: &mut Term,
        through: Position,
        last: Option<EventId>,
        letters: Vec<DeadLetter>,
    ) -> Flow<()> {
        if through <= term.checkpoint.position && letters.is_empty() {
            return Ok(());
        }
        let mut progress = Progress::from(&term.checkpoint, through.max(term.checkpoint.position));
        // What is given again lies before the checkpoint, whose event stays the same.
        let is_ahead = through > term.checkpoint.position;
        progress.event = if is_ahead { last } else { term.checkpoint.event };
        for letter in &letters {
            let first = term.parked.entry(letter.stream.clone()).or_insert(letter.position);
            *first = letter.position.min(*first);
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

    pub(super) async fn save_consumed(&mut self, term: &mut Term) -> Flow<()> {
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
}
