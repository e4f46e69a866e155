//! The bugs by name, and the wrapper that has one of them.

use std::{fmt, sync::Mutex};

use async_trait::async_trait;
use es_core::{
    AppendRequest, Backend, Capabilities, Durability, EventStore, FoldStream, Head, PageStream,
    Position, Read, Receipt, Result,
};
use tokio::sync::{Notify, Semaphore};

use super::{append, read, wait};

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Nothing: the control of the experiment.
    None,

    // What an append does wrong.
    /// It commits an append in two halves.
    PublishesHalfOfABatch,
    /// It commits an append stream by stream.
    CommitsStreamByStream,
    /// It ignores the expected version.
    DropsTheConflictCheck,
    /// It looks at the version first and writes later, without a lock in between.
    ChecksThenWrites,
    /// Its conflicts say that the stream has no events.
    NamesTheWrongVersion,
    /// It turns `Any` into the version that it has just seen.
    ConflictsOnAny,
    /// It ignores demands on streams that are not written.
    IgnoresRequiredStreams,
    /// It does not know an event id again.
    DoublesARetry,
    /// It looks at the expected version before it looks for a repetition.
    ChecksBeforeItReplays,
    /// It takes an id that it knows for the same event, whatever its content.
    IgnoresTheContent,
    /// It ignores `unless`.
    DropsConditions,
    /// It looks at the conditions first and writes later.
    ChecksConditionsThenWrites,
    /// Its conditions look at the position itself, not only behind it.
    CountsTheBoundary,
    /// Its conditions look at the streams of every tenant.
    MixesTenantsInConditions,
    /// It takes its only connection and does not give it back when it is dropped.
    LosesItsConnection,

    // What a read does wrong.
    /// Some appends become visible only after the next ones (positions drawn too early).
    SkipsPositions,
    /// It drops events that it cannot parse.
    DropsUndecodableEvents,
    /// It gives everything in one page.
    ReadsEverythingAtOnce,
    /// It reads on as long as the log grows.
    ChasesTheHead,
    /// It takes the oldest events of a backward read with a limit.
    LimitsBeforeItTurns,
    /// It counts what the filter keeps out towards the limit.
    LimitsBeforeItFilters,
    /// It yields the event at `after` as well.
    StartsAtTheBound,
    /// It keeps JSON parsed and writes it anew.
    ReformatsJson,
    /// It takes a query that has run empty for no query.
    TakesNothingForEverything,
    /// It does not keep tenants apart.
    MergesTenants,
    /// It gives a fold the payloads of the events before.
    FoldsTheWrongBytes,

    // What waiting and the head do wrong.
    /// It looks first and listens later.
    LosesWakeUps,
    /// It wakes one of those who wait.
    WakesOnlyOne,
    /// Its head is one append behind.
    HasAStaleHead,
}

/// A store with one bug.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(super) inner: Backend,
    pub(super) bug: Bug,
    /// Appends that are not visible yet: their positions, and for how many appends more.
    pub(super) hidden: Mutex<Vec<(Position, Position, u32)>>,
    pub(super) appends: Mutex<Vec<Position>>,
    pub(super) grown: Notify,
    pub(super) connections: Semaphore,
}

impl Broken {
    pub(crate) fn new(inner: Backend, bug: Bug) -> Self {
        Self {
            inner,
            bug,
            hidden: Mutex::default(),
            appends: Mutex::new(vec![Position::START]),
            grown: Notify::new(),
            connections: Semaphore::new(1),
        }
    }
}

#[async_trait]
impl EventStore for Broken {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        let receipt = append::append(self, append).await?;
        if !receipt.replayed {
            self.appends.lock().unwrap().push(receipt.last);
            read::hide(self, &receipt);
        }
        wait::wake(self);
        Ok(receipt)
    }

    fn read(&self, read: Read) -> PageStream {
        read::read(self, read)
    }

    fn read_to_fold(&self, read: Read) -> FoldStream {
        read::read_to_fold(self, read)
    }

    async fn head(&self) -> Result<Head> {
        wait::head(self).await
    }

    async fn wait(&self, after: Position) -> Result<Head> {
        wait::wait(self, after).await
    }

    async fn durability(&self) -> Result<Durability> {
        self.inner.durability().await
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} that {:?}", self.inner, self.bug)
    }
}
