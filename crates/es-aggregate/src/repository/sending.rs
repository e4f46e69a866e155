//! One append, sent again while nobody knows what became of it.

use std::time::{Duration, Instant};

use es_core::{
    Append, Error, ErrorKind, ExpectedVersion, NewEvent, Receipt, Result, Store, StreamId,
};

use super::{backoff, terms::Terms};

/// How often an append is sent again whose outcome is unknown. A store has tried to find out
/// by itself before it says so, which may have taken it seconds.
const RESENDS: u32 = 2;

/// One append to one stream.
pub(super) struct Sending<'a> {
    pub(super) store: &'a Store,
    pub(super) stream: &'a StreamId,
    pub(super) expected: ExpectedVersion,
    pub(super) terms: &'a Terms,
}

impl Sending<'_> {
    /// Appends `events`. While the outcome is unknown, `again` gives the same events with the
    /// same ids, and they are sent once more: the log recognises what it has.
    ///
    /// *Hazard.* The caller decides again after a conflict, under new ids. If an earlier
    /// sending were written after all, the command would have been executed twice.
    /// *Mechanism.* After an unknown outcome only a receipt is believed, and a conflict that
    /// nothing on its way can undo: one with a stream that is longer than was expected. What
    /// else comes says nothing of the earlier sending, so the outcome stays unknown.
    ///
    /// # Errors
    /// Those of an append; `OutcomeUnknown` when it was sent as often as may be, or the time
    /// is over.
    pub(super) async fn send(
        &self,
        events: Vec<NewEvent>,
        again: impl Fn() -> Result<Vec<NewEvent>>,
    ) -> Result<Receipt> {
        let until = self.terms.deadline.map(|within| (Instant::now(), within));
        match self.once(events, self.terms.deadline).await {
            // In a box, so that the futures of all commands stay small.
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {
                Box::pin(self.settle(error, until, again)).await
            }
            settled => settled,
        }
    }

    async fn settle(
        &self,
        mut unknown: Error,
        until: Option<(Instant, Duration)>,
        again: impl Fn() -> Result<Vec<NewEvent>>,
    ) -> Result<Receipt> {
        for attempt in 1..=RESENDS {
            backoff::pause(attempt).await;
            let left = until.map(|(begun, within)| within.saturating_sub(begun.elapsed()));
            if left.is_some_and(|left| left.is_zero()) {
                break;
            }
            let Ok(events) = again() else { break };
            match self.once(events, left).await {
                Err(error) if error.kind() == ErrorKind::OutcomeUnknown => unknown = error,
                Err(error) if !is_firm(&error) => {}
                settled => return settled,
            }
        }
        Err(unknown)
    }

    async fn once(&self, events: Vec<NewEvent>, within: Option<Duration>) -> Result<Receipt> {
        let append = Append::to(self.stream.clone(), self.expected).events(events);
        let append = append.with_metadata(self.terms.metadata.clone());
        self.store
            .append(match within {
                Some(within) => append.deadline(within),
                None => append,
            })
            .await
    }
}

/// Whether what was sent before can no longer be written: its stream has grown beyond it.
fn is_firm(error: &Error) -> bool {
    error.conflict().is_some_and(|conflict| match conflict.expected {
        ExpectedVersion::NoStream => conflict.actual.is_some(),
        ExpectedVersion::Exact(expected) => conflict.actual.is_some_and(|actual| actual > expected),
        _ => false,
    })
}
