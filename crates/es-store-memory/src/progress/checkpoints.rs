//! A store of checkpoints and dead letters.

use std::{
    fmt::{self, Debug, Display},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use es_core::{
    Checkpoint, CheckpointStore, DeadLetter, DeadLetterStore, LogId, Owner, Position, Progress,
    Result, StreamId, SubscriberName,
};

use super::ledger::Ledger;

/// Checkpoints and dead letters in the memory of the process. Cloning it copies the handle.
///
/// It is for subscribers that must start over when the process does; for any others, keep
/// the checkpoint where their effects are.
///
/// [`CheckpointStore::forget`] fences as follows: a worker that still runs gets `NotFound`
/// until somebody claims the subscriber again, and `Fenced` from then on. Epochs go on
/// where they were, so that none is ever given twice.
#[derive(Clone, Default)]
pub struct MemoryCheckpointStore {
    ledger: Arc<Mutex<Ledger>>,
}

impl MemoryCheckpointStore {
    /// A store that knows no subscriber.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Uses the ledger under its lock.
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut Ledger) -> R) -> R {
        // The ledger runs no foreign code and fails before it changes anything, so a panic
        // of whoever holds the lock leaves it consistent.
        act(&mut self.ledger.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl CheckpointStore for MemoryCheckpointStore {
    async fn claim(
        &self,
        subscriber: &SubscriberName,
        log: LogId,
        owner: &Owner,
    ) -> Result<Checkpoint> {
        self.with(|ledger| ledger.claim(subscriber, log, owner))
    }

    async fn advance(&self, progress: &Progress) -> Result<()> {
        self.with(|ledger| {
            ledger.check(progress)?;
            ledger.apply(progress);
            Ok(())
        })
    }

    async fn checkpoint(&self, subscriber: &SubscriberName) -> Result<Option<Checkpoint>> {
        Ok(self.with(|ledger| ledger.checkpoint(subscriber)))
    }

    async fn forget(&self, subscriber: &SubscriberName) -> Result<()> {
        self.with(|ledger| ledger.forget(subscriber));
        Ok(())
    }
}

#[async_trait]
impl DeadLetterStore for MemoryCheckpointStore {
    async fn dead_letters(
        &self,
        subscriber: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<DeadLetter>> {
        Ok(self.with(|ledger| ledger.dead_letters(subscriber, after, limit)))
    }

    async fn parked_streams(
        &self,
        subscriber: &SubscriberName,
    ) -> Result<Vec<(StreamId, Position)>> {
        Ok(self.with(|ledger| ledger.parked_streams(subscriber)))
    }

    async fn skipped(
        &self,
        subscriber: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(DeadLetter, String)>> {
        Ok(self.with(|ledger| ledger.skipped(subscriber, after, limit)))
    }
}

impl Debug for MemoryCheckpointStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCheckpointStore").finish_non_exhaustive()
    }
}

impl Display for MemoryCheckpointStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}
