//! What a program has of the stores beside the log.

use std::error::Error as StdError;

use async_trait::async_trait;
use es_core::{
    Checkpoint, CheckpointStore, DeadLetter, DeadLetterStore, ErrorKind, LogId, Owner, Position,
    Progress, ReadModel, Result, Snapshot, SnapshotKey, SnapshotStore, StreamId, SubscriberName,
};

use super::Mortal;

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: CheckpointStore> CheckpointStore for Mortal<T> {
    async fn claim(
        &self,
        subscriber: &SubscriberName,
        log: LogId,
        owner: &Owner,
    ) -> Result<Checkpoint> {
        let what = format!("the claim of {subscriber}");
        self.process.effect(what, self.inner.claim(subscriber, log, owner)).await
    }

    async fn advance(&self, progress: &Progress) -> Result<()> {
        let what = format!("{} at {}", progress.subscriber, progress.position);
        self.process.effect(what, self.inner.advance(progress)).await
    }

    async fn checkpoint(&self, subscriber: &SubscriberName) -> Result<Option<Checkpoint>> {
        self.process.while_alive(self.inner.checkpoint(subscriber)).await
    }

    async fn forget(&self, subscriber: &SubscriberName) -> Result<()> {
        let what = format!("{subscriber} forgotten");
        self.process.effect(what, self.inner.forget(subscriber)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: DeadLetterStore> DeadLetterStore for Mortal<T> {
    async fn dead_letters(
        &self,
        subscriber: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<DeadLetter>> {
        self.process.while_alive(self.inner.dead_letters(subscriber, after, limit)).await
    }

    async fn parked_streams(
        &self,
        subscriber: &SubscriberName,
    ) -> Result<Vec<(StreamId, Position)>> {
        self.process.while_alive(self.inner.parked_streams(subscriber)).await
    }

    async fn skipped(
        &self,
        subscriber: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(DeadLetter, String)>> {
        self.process.while_alive(self.inner.skipped(subscriber, after, limit)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: SnapshotStore> SnapshotStore for Mortal<T> {
    async fn load(&self, key: &SnapshotKey) -> Result<Option<Snapshot>> {
        self.process.while_alive(self.inner.load(key)).await
    }

    async fn save(&self, snapshot: Snapshot) -> Result<()> {
        let what = format!("the snapshot {}", snapshot.key);
        self.process.effect(what, self.inner.save(snapshot)).await
    }

    async fn delete(&self, key: &SnapshotKey) -> Result<()> {
        let what = format!("the snapshot {key} deleted");
        self.process.effect(what, self.inner.delete(key)).await
    }
}

#[deny(clippy::missing_trait_methods)]
impl<T: ReadModel> ReadModel for Mortal<T> {
    type Tx = T::Tx;

    async fn begin(&self) -> Result<T::Tx> {
        self.process.while_alive(self.inner.begin()).await
    }

    async fn commit(&self, tx: T::Tx, progress: &Progress) -> Result<()> {
        let what = format!("the commit of {} at {}", progress.subscriber, progress.position);
        self.process.effect(what, self.inner.commit(tx, progress)).await
    }

    async fn trouble(
        &self,
        tx: &mut T::Tx,
        error: &(dyn StdError + Send + Sync + 'static),
    ) -> Option<ErrorKind> {
        self.process.while_alive(self.inner.trouble(tx, error)).await
    }
}
