//! The progress of a projection in one partition, beside that in the others.

use std::{
    error::Error as StdError,
    fmt::{self, Debug, Display},
};

use async_trait::async_trait;
use es_core::{
    Checkpoint, CheckpointStore, DeadLetter, DeadLetterStore, ErrorKind, LogId, Owner, Position,
    Progress, ReadModel, Result, StreamId, SubscriberName,
};

/// A read model, or a keeper of checkpoints, as the subscribers of one partition see it.
///
/// Each partition is a log of its own, so a projection has a checkpoint in each. This keeps
/// them apart in one place: the checkpoint and the dead letters of `balances` in partition 3
/// are kept as `balances.p3`. The rows are those of the whole model: projections of all
/// partitions write to the same ones, where they do so at once. Rows of streams are written by
/// one partition only; a row of several is a matter of the model's transactions.
///
/// Run one runner for each partition:
///
/// ```
/// use es_core::ReadModel;
/// use es_store_redis::{OfPartition, RedisPartitions};
///
/// fn models<M: ReadModel + Clone>(log: &RedisPartitions, model: &M) -> Vec<OfPartition<M>> {
///     // For each, `Runner::new(log.partition(index)?).project(Balances, model)`.
///     (0..log.count()).map(|index| OfPartition::new(index, model.clone())).collect()
/// }
/// ```
#[derive(Clone)]
pub struct OfPartition<M> {
    index: usize,
    whole: M,
}

impl<M> OfPartition<M> {
    /// What belongs to the partition of this number in `whole`.
    #[must_use]
    pub const fn new(index: usize, whole: M) -> Self {
        Self { index, whole }
    }

    /// What all partitions share.
    #[must_use]
    pub const fn whole(&self) -> &M {
        &self.whole
    }

    fn name(&self, subscriber: &SubscriberName) -> Result<SubscriberName> {
        SubscriberName::new(format!("{subscriber}.p{}", self.index))
    }

    fn letters(&self, letters: &[DeadLetter]) -> Result<Vec<DeadLetter>> {
        let renamed = letters.iter().map(|letter| {
            let mut letter = letter.clone();
            letter.subscriber = self.name(&letter.subscriber)?;
            Ok(letter)
        });
        renamed.collect()
    }

    fn progress(&self, progress: &Progress) -> Result<Progress> {
        let mut renamed = progress.clone();
        renamed.subscriber = self.name(&progress.subscriber)?;
        renamed.parked = self.letters(&progress.parked)?;
        Ok(renamed)
    }
}

/// A letter as its subscriber knows it.
fn returned(mut letter: DeadLetter, subscriber: &SubscriberName) -> DeadLetter {
    letter.subscriber = subscriber.clone();
    letter
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<M: CheckpointStore> CheckpointStore for OfPartition<M> {
    async fn claim(
        &self,
        subscriber: &SubscriberName,
        log: LogId,
        owner: &Owner,
    ) -> Result<Checkpoint> {
        let mut claimed = self.whole.claim(&self.name(subscriber)?, log, owner).await?;
        claimed.subscriber = subscriber.clone();
        Ok(claimed)
    }

    async fn advance(&self, progress: &Progress) -> Result<()> {
        self.whole.advance(&self.progress(progress)?).await
    }

    async fn checkpoint(&self, subscriber: &SubscriberName) -> Result<Option<Checkpoint>> {
        let found = self.whole.checkpoint(&self.name(subscriber)?).await?;
        Ok(found.map(|mut checkpoint| {
            checkpoint.subscriber = subscriber.clone();
            checkpoint
        }))
    }

    async fn forget(&self, subscriber: &SubscriberName) -> Result<()> {
        self.whole.forget(&self.name(subscriber)?).await
    }
}

#[deny(clippy::missing_trait_methods)]
impl<M: ReadModel> ReadModel for OfPartition<M> {
    type Tx = M::Tx;

    async fn begin(&self) -> Result<Self::Tx> {
        self.whole.begin().await
    }

    async fn commit(&self, tx: Self::Tx, progress: &Progress) -> Result<()> {
        self.whole.commit(tx, &self.progress(progress)?).await
    }

    async fn trouble(
        &self,
        tx: &mut Self::Tx,
        error: &(dyn StdError + Send + Sync + 'static),
    ) -> Option<ErrorKind> {
        self.whole.trouble(tx, error).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<M: DeadLetterStore> DeadLetterStore for OfPartition<M> {
    async fn dead_letters(
        &self,
        subscriber: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<DeadLetter>> {
        let found = self.whole.dead_letters(&self.name(subscriber)?, after, limit).await?;
        Ok(found.into_iter().map(|letter| returned(letter, subscriber)).collect())
    }

    async fn parked_streams(
        &self,
        subscriber: &SubscriberName,
    ) -> Result<Vec<(StreamId, Position)>> {
        self.whole.parked_streams(&self.name(subscriber)?).await
    }

    async fn skipped(
        &self,
        subscriber: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(DeadLetter, String)>> {
        let found = self.whole.skipped(&self.name(subscriber)?, after, limit).await?;
        let found = found.into_iter();
        Ok(found.map(|(letter, why)| (returned(letter, subscriber), why)).collect())
    }
}

impl<M: Debug> Debug for OfPartition<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfPartition")
            .field("index", &self.index)
            .field("whole", &self.whole)
            .finish()
    }
}

impl<M: Display> Display for OfPartition<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "partition {} of {}", self.index, self.whole)
    }
}
