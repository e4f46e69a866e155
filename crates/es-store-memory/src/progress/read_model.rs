//! A read model whose rows and checkpoint commit together.

use std::{
    fmt::{self, Debug, Display},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use es_core::{
    Checkpoint, CheckpointStore, DeadLetter, DeadLetterStore, Error, ErrorKind, LogId, Owner,
    Position, Progress, ReadModel, Result, StreamId, SubscriberName,
};

use super::{
    checkpoints::MemoryCheckpointStore,
    table::{Table, Tables},
    tx::{MemoryTx, lock},
};

/// A read model in the memory of the process: typed tables, checkpoints and dead letters
/// that commit in one transaction. Cloning it copies the handle.
///
/// A commit is seen whole or not at all: whoever sees the checkpoint sees the rows. One that
/// has read rows which others have changed since is refused (see [`MemoryTx`]), so no change is
/// lost. It costs in proportion to the rows that it reads and changes. Rows are compared and cloned under a lock, so
/// the `Ord` and `Clone` of keys and rows must not call the model. Should one of them panic
/// in a commit, the model answers `Fault` from then on instead of half a commit.
///
/// ```
/// use es_core::{CheckpointStore, LogId, Owner, Position, Progress, ReadModel, SubscriberName};
/// use es_store_memory::{MemoryReadModel, Table};
///
/// const BALANCES: Table<String, i64> = Table::new("balances");
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> es_core::Result<()> {
/// let model = MemoryReadModel::new();
/// let name = SubscriberName::new("balances-v1")?;
/// let checkpoint = model.claim(&name, LogId::generate(), &Owner::new("worker-1")).await?;
///
/// let mut tx = model.begin().await?;
/// tx.update(&BALANCES, "alice".to_owned(), |balance| Some(balance.unwrap_or(0) + 5))?;
/// assert_eq!(model.get(&BALANCES, &"alice".to_owned())?, None);
///
/// model.commit(tx, &Progress::from(&checkpoint, Position::new(1))).await?;
/// assert_eq!(model.rows(&BALANCES)?, [("alice".to_owned(), 5)]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct MemoryReadModel {
    checkpoints: MemoryCheckpointStore,
    /// Locked behind the ledger of the checkpoints, never before it.
    tables: Arc<Mutex<Tables>>,
}

impl MemoryReadModel {
    /// A model without rows, that knows no subscriber.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The committed row with this key.
    ///
    /// # Errors
    /// `Invalid` when the table is used with another row type.
    pub fn get<K, V>(&self, table: &Table<K, V>, key: &K) -> Result<Option<V>>
    where
        K: Ord + Send + 'static,
        V: Clone + Send + 'static,
    {
        let tables = lock(&self.tables);
        let rows = tables.rows(table)?;
        Ok(rows.and_then(|rows| rows.get(key)).map(|row| row.value.clone()))
    }

    /// All committed rows, by key, as of one moment.
    ///
    /// # Errors
    /// `Invalid` when the table is used with another row type.
    pub fn rows<K, V>(&self, table: &Table<K, V>) -> Result<Vec<(K, V)>>
    where
        K: Ord + Clone + Send + 'static,
        V: Clone + Send + 'static,
    {
        let tables = lock(&self.tables);
        let rows = tables.rows(table)?.into_iter().flatten();
        Ok(rows.map(|(key, row)| (key.clone(), row.value.clone())).collect())
    }

    /// How many committed rows there are.
    ///
    /// # Errors
    /// `Invalid` when the table is used with another row type.
    pub fn len<K, V>(&self, table: &Table<K, V>) -> Result<usize>
    where
        K: Send + 'static,
        V: Send + 'static,
    {
        Ok(lock(&self.tables).rows(table)?.map_or(0, |rows| rows.len()))
    }
}

impl ReadModel for MemoryReadModel {
    type Tx = MemoryTx;

    async fn begin(&self) -> Result<MemoryTx> {
        Ok(MemoryTx::on(Arc::clone(&self.tables)))
    }

    async fn commit(&self, tx: MemoryTx, progress: &Progress) -> Result<()> {
        if !tx.is_on(&self.tables) {
            return Err(Error::new(
                ErrorKind::Invalid,
                "the transaction was begun on another read model",
            ));
        }
        // Both locks are held to the end, so that nobody sees the rows without the
        // checkpoint or the checkpoint without the rows.
        self.checkpoints.with(|ledger| {
            ledger.check(progress)?;
            let mut tables = lock(&self.tables);
            tx.merge_into(&mut tables)?;
            ledger.apply(progress);
            Ok(())
        })
    }
}

#[async_trait]
impl CheckpointStore for MemoryReadModel {
    async fn claim(
        &self,
        subscriber: &SubscriberName,
        log: LogId,
        owner: &Owner,
    ) -> Result<Checkpoint> {
        self.checkpoints.claim(subscriber, log, owner).await
    }

    async fn advance(&self, progress: &Progress) -> Result<()> {
        self.checkpoints.advance(progress).await
    }

    async fn checkpoint(&self, subscriber: &SubscriberName) -> Result<Option<Checkpoint>> {
        self.checkpoints.checkpoint(subscriber).await
    }

    async fn forget(&self, subscriber: &SubscriberName) -> Result<()> {
        self.checkpoints.forget(subscriber).await
    }
}

#[async_trait]
impl DeadLetterStore for MemoryReadModel {
    async fn dead_letters(
        &self,
        subscriber: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<DeadLetter>> {
        self.checkpoints.dead_letters(subscriber, after, limit).await
    }

    async fn parked_streams(
        &self,
        subscriber: &SubscriberName,
    ) -> Result<Vec<(StreamId, Position)>> {
        self.checkpoints.parked_streams(subscriber).await
    }

    async fn skipped(
        &self,
        subscriber: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(DeadLetter, String)>> {
        self.checkpoints.skipped(subscriber, after, limit).await
    }
}

impl Debug for MemoryReadModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryReadModel").finish_non_exhaustive()
    }
}

impl Display for MemoryReadModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}
