//! Progress is saved, whatever fails.
//!
//! *Hazard.* A checkpoint that cannot be saved must not make events look unhandled: what
//! was handled would be handled again, or parked.
//! *Mechanism.* Saving is tried again on its own, for as long as it takes, apart from
//! handling; only fencing and what cannot heal end it.

use std::{future::Future, time::Duration};

use es_core::{
    DeadLetter, Error, ErrorKind, EventId, Observation, Position, Progress, Recorded, Release,
    Result, with_causes,
};
use tokio::time::Instant;
use tracing::warn;

use super::{End, Flow, Worker};
use crate::{observe::PROGRESS, policy::pause};

const PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Worker {
    /// The progress from what is saved up to `position`, where `last` is the last event of
    /// that, if it is known.
    pub(super) fn progress(&self, position: Position, last: Option<&Recorded>) -> Progress {
        let progress = Progress::from(&self.checkpoint, position);
        // An event proves the history at its own position only.
        let last: Option<EventId> = last.filter(|e| e.position == position).map(|e| e.id);
        match last {
            Some(event) => progress.with_event(event),
            None => progress,
        }
    }

    /// Saves the progress, without rows.
    pub(super) async fn advance(&mut self, progress: &Progress, handled: usize) -> Flow<()> {
        let job = std::sync::Arc::clone(&self.job);
        self.persist("saving its checkpoint", || job.engine.progress().advance(progress)).await?;
        self.committed(progress, handled);
        Ok(())
    }

    /// Saves where it is, if that is not saved.
    pub(super) async fn save(&mut self) -> Flow<()> {
        if self.cursor == self.checkpoint.position {
            return Ok(());
        }
        let progress = self.progress(self.cursor, None);
        self.advance(&progress, 0).await
    }

    /// Saves where it is because it is time to, also if that is saved: others see by it that
    /// somebody is alive.
    pub(super) async fn save_due(&mut self) -> Flow<()> {
        let progress = self.progress(self.cursor, None);
        let stood = {
            let view = self.job.board.view();
            (view.moved_at, view.behind_since)
        };
        self.advance(&progress, 0).await?;
        // A sign of life is not progress.
        self.job.board.change(|view| (view.moved_at, view.behind_since) = stood);
        Ok(())
    }

    /// When [`Worker::save_due`] is due.
    pub(super) fn due(&self) -> Instant {
        let timing = &self.around.timing;
        let is_saved = self.cursor == self.checkpoint.position;
        self.saved_at + if is_saved { timing.heartbeat } else { timing.quiet }
    }

    /// Takes note of progress that is committed.
    pub(super) fn committed(&mut self, progress: &Progress, handled: usize) {
        if progress.event.is_some() || progress.position > self.checkpoint.position {
            self.checkpoint.event = progress.event;
        }
        self.checkpoint.position = progress.position;
        self.cursor = self.cursor.max(progress.position);
        self.saved_at = Instant::now();
        if handled > 0 {
            self.take_more();
        }
        self.tell_letters(progress);
        self.job.board.committed(progress, handled);
    }

    /// Tells of what was parked, unless it was before, and of what no longer is.
    pub(super) fn tell_letters(&self, progress: &Progress) {
        if self.around.store.observer().is_none() {
            return;
        }
        let parked = {
            let view = self.job.board.view();
            let is_new = |letter: &&DeadLetter| {
                let of_stream = view.parked.get(&letter.stream);
                of_stream.is_none_or(|positions| !positions.contains(&letter.position))
            };
            progress.parked.iter().filter(is_new).count() as u64
        };
        if parked > 0 {
            self.tell(|subscriber| Observation::Parked { subscriber, events: parked });
        }
        for release in &progress.released {
            let is_skipped = matches!(release, Release::Skipped(..));
            self.tell(|subscriber| Observation::Released { subscriber, is_skipped });
        }
    }

    /// Tries until it succeeds, is fenced, meets what cannot heal, or is asked to stop.
    pub(super) async fn persist<T, F>(&mut self, what: &str, mut call: impl FnMut() -> F) -> Flow<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut attempt = 0;
        loop {
            let error = match call().await {
                Ok(value) => {
                    if attempt > 0 {
                        self.job.board.change(|view| view.is_retrying = false);
                    }
                    return Ok(value);
                }
                Err(error) => error,
            };
            attempt += 1;
            self.wait_out(what, error, attempt).await?;
        }
    }

    /// Waits before the next attempt at what failed with `error`, if there is to be one.
    pub(super) async fn wait_out(&mut self, what: &str, error: Error, attempt: u32) -> Flow<()> {
        self.tell(|subscriber| Observation::AttemptFailed { subscriber, stage: PROGRESS });
        if error.kind() == ErrorKind::Fenced {
            return Err(End::Fenced(error));
        }
        if !heals(&error) {
            return Err(End::Failed(error));
        }
        let subscriber = &self.job.subscriber;
        warn!(%subscriber, attempt, error = %with_causes(&error), "{what} failed; trying again");
        self.job.board.trouble(&error);
        self.tell(|subscriber| Observation::Retried { subscriber, stage: PROGRESS });
        self.rest(pause(PAUSE, LONGEST_PAUSE, attempt)).await
    }
}

/// Whether what failed so may succeed later, with nobody changing the program.
pub(super) fn heals(error: &Error) -> bool {
    error.is_temporary() || matches!(error.kind(), ErrorKind::Fault | ErrorKind::OutcomeUnknown)
}
