//! Signs of life: said when they are due, also beside a call that takes long.

use std::{future::Future, pin::pin};

use es_core::{Progress, Result};
use tokio::time::{Instant, sleep_until};

use super::{
    persist::Flow,
    worker::{Term, Worker},
};

impl Worker {
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
            let saved = self.save_consumed(term).await;
            // An answer may take longer than the interval, and is not to be asked for without end.
            term.asked_at = Instant::now();
            saved?;
        }
        Ok(())
    }

    /// Drives a call that may take long, and says meanwhile that it is alive.
    pub(super) async fn beside_signs_of_life<T>(
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
}

/// A moment that is never reached.
fn far(from: Instant) -> Instant {
    const YEAR: std::time::Duration = std::time::Duration::from_secs(365 * 86_400);
    from.checked_add(YEAR).unwrap_or(from)
}
