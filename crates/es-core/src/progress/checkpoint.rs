//! How far a subscriber has got in the log, and who may move that.

use std::{
    fmt::{self, Debug, Display},
    sync::Arc,
};

use async_trait::async_trait;

use super::{DeadLetter, Release};
use crate::{Diverged, EventId, Head, LogId, Position, Result, SubscriberName, Timestamp};

/// How far a subscriber has got, in which log, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checkpoint {
    /// Whose progress it is.
    pub subscriber: SubscriberName,
    /// The log that the position belongs to.
    pub log: LogId,
    /// Everything up to here has been handled.
    pub position: Position,
    /// The last event that was handled, where it is known: proof that the log still has the
    /// same history there.
    pub event: Option<EventId>,
    /// The owner's epoch; each claim raises it by one, starting at 1.
    pub epoch: u64,
    /// Who claimed it last.
    pub owner: Owner,
    /// When it was claimed or moved last.
    pub updated_at: Timestamp,
}

impl Checkpoint {
    /// The first checkpoint of a subscriber: it has handled nothing.
    #[must_use]
    pub fn first(subscriber: SubscriberName, log: LogId, owner: Owner) -> Self {
        let updated_at = Timestamp::now();
        let position = Position::START;
        Self { subscriber, log, position, event: None, epoch: 1, owner, updated_at }
    }

    /// Checks that the log which `head` is of can be the one that this checkpoint was made
    /// in (P7).
    ///
    /// # Errors
    /// `LogDiverged` when it is another log, or ends before this checkpoint.
    pub fn check(&self, head: Head) -> Result<()> {
        if self.log != head.log {
            return Err(Diverged::Replaced { expected: self.log, found: head.log }.into());
        }
        if self.position > head.position {
            return Err(Diverged::RolledBack { reader: self.position, head }.into());
        }
        Ok(())
    }
}

/// A worker that owns a checkpoint, as people and other workers see it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner(String);

impl Owner {
    /// Names a worker: a host and a process, say.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a worker has done since it last said so. It is committed as one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Progress {
    /// Whose progress it is.
    pub subscriber: SubscriberName,
    /// The log that the position belongs to.
    pub log: LogId,
    /// The epoch that the worker holds (P2).
    pub epoch: u64,
    /// Everything up to here has been handled or parked.
    pub position: Position,
    /// The last event of that, where it is known.
    pub event: Option<EventId>,
    /// What could not be handled (P3).
    pub parked: Vec<DeadLetter>,
    /// What had been parked and no longer is.
    pub released: Vec<Release>,
    /// Whether the checkpoint may move backward by it, so that what is behind `position`
    /// comes again. Then whatever was parked or given up behind `position` is forgotten, since
    /// it comes again too; what `parked` says is parked after that.
    pub moves_back: bool,
}

impl Progress {
    /// The progress from `checkpoint` up to `position`.
    #[must_use]
    pub fn from(checkpoint: &Checkpoint, position: Position) -> Self {
        Self {
            subscriber: checkpoint.subscriber.clone(),
            log: checkpoint.log,
            epoch: checkpoint.epoch,
            position,
            event: None,
            parked: Vec::new(),
            released: Vec::new(),
            moves_back: false,
        }
    }

    /// The step from `checkpoint` back to `position`, so that the events behind it are handled
    /// again. Where `checkpoint` has not come so far it stays where it is.
    #[must_use]
    pub fn back_to(checkpoint: &Checkpoint, position: Position) -> Self {
        let position = position.min(checkpoint.position);
        Self { moves_back: true, ..Self::from(checkpoint, position) }
    }

    /// The same, naming the last event of it.
    #[must_use]
    pub const fn with_event(mut self, event: EventId) -> Self {
        self.event = Some(event);
        self
    }

    /// The same, parking these.
    #[must_use]
    pub fn with_parked(mut self, letters: Vec<DeadLetter>) -> Self {
        self.parked = letters;
        self
    }

    /// The same, releasing these.
    #[must_use]
    pub fn with_released(mut self, released: Vec<Release>) -> Self {
        self.released = released;
        self
    }
}

/// Keeps checkpoints, and fences workers that lost theirs.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> es_core::Result<()> {
/// use es_core::{CheckpointStore, LogId, Owner, Position, Progress, SubscriberName};
/// use es_store_memory::MemoryCheckpointStore;
///
/// let checkpoints = MemoryCheckpointStore::new();
/// let name = SubscriberName::from_static("mails-v1");
/// let mine = checkpoints.claim(&name, LogId::generate(), &Owner::new("worker 1")).await?;
/// checkpoints.advance(&Progress::from(&mine, Position::new(9))).await?;
///
/// let now = checkpoints.checkpoint(&name).await?.expect("it was claimed");
/// assert_eq!((now.position.get(), now.epoch), (9, mine.epoch));
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait CheckpointStore: Debug + Display + Send + Sync + 'static {
    /// Makes `owner` the owner of the subscriber's checkpoint and raises its epoch, so that
    /// whoever owned it before is fenced. The first claim creates it at
    /// [`Position::START`].
    ///
    /// # Errors
    /// `LogDiverged` when the checkpoint belongs to another log; then nothing changes.
    ///
    /// # Cancel safety
    /// The claim may have happened; claiming again is safe and raises the epoch again.
    async fn claim(
        &self,
        subscriber: &SubscriberName,
        log: LogId,
        owner: &Owner,
    ) -> Result<Checkpoint>;

    /// Moves the checkpoint forward, if the epoch is still in force; backward only where
    /// [`Progress::moves_back`] says so.
    ///
    /// # Errors
    /// `Fenced` when another owner has claimed it; `LogDiverged` when it belongs to another
    /// log; `Invalid` when it would move backward; `NotFound` when nobody ever claimed it.
    /// In each case nothing changes.
    ///
    /// # Cancel safety
    /// The checkpoint has moved or it has not; advancing to the same position again is
    /// allowed.
    async fn advance(&self, progress: &Progress) -> Result<()>;

    /// The subscriber's checkpoint, if it ever claimed one.
    ///
    /// # Errors
    /// `Unavailable` or `Fault`.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    async fn checkpoint(&self, subscriber: &SubscriberName) -> Result<Option<Checkpoint>>;

    /// Forgets the subscriber's checkpoint and dead letters. For rebuilds and clean-up.
    ///
    /// Its epochs go on counting: a worker that still runs is answered `NotFound` until
    /// somebody claims again, and `Fenced` from then on.
    ///
    /// # Errors
    /// `Unavailable` or `Fault`.
    ///
    /// # Cancel safety
    /// It is forgotten or it is not; doing it again is safe.
    async fn forget(&self, subscriber: &SubscriberName) -> Result<()>;
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: CheckpointStore + ?Sized> CheckpointStore for Arc<T> {
    async fn claim(
        &self,
        subscriber: &SubscriberName,
        log: LogId,
        owner: &Owner,
    ) -> Result<Checkpoint> {
        (**self).claim(subscriber, log, owner).await
    }

    async fn advance(&self, progress: &Progress) -> Result<()> {
        (**self).advance(progress).await
    }

    async fn checkpoint(&self, subscriber: &SubscriberName) -> Result<Option<Checkpoint>> {
        (**self).checkpoint(subscriber).await
    }

    async fn forget(&self, subscriber: &SubscriberName) -> Result<()> {
        (**self).forget(subscriber).await
    }
}
