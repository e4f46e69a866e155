//! The read model: rows of the user's own tables that commit together with the checkpoint.

use std::{
    error::Error as StdError,
    fmt::{self, Debug, Display},
    path::Path,
    sync::Arc,
};

use async_trait::async_trait;
use es_core::{
    Checkpoint, CheckpointStore, DeadLetter, DeadLetterStore, Error, ErrorKind, LogId, Owner,
    Position, Progress, ReadModel, Result, StreamId, SubscriberName, causes,
};
use rusqlite::Connection;

use super::{ledger, letters, session::Session, tx::SqliteTx};
use crate::{
    error::{from_driver, in_handler},
    open::Place,
    options::SqliteOptions,
    worker,
};

/// A read model in an SQLite database: tables of one's own whose rows commit in one
/// transaction with the checkpoint, the fence and the dead letters (P1, P2). Cloning it
/// copies the handle.
///
/// It stands in any SQLite file, that of the log or another, and makes three tables there,
/// `es_subscribers`, `es_dead_letters` and `es_skipped`, beside `es_parts`, which says which of
/// them were made. A file of another program keeps its header and its journal mode.
///
/// It has one connection that writes, so one transaction at a time: a second
/// [`begin`](ReadModel::begin) waits for the first, and so does whatever else writes through
/// this model. Do not wait for those while you hold a transaction. Reading does not wait,
/// but in memory, where there is no other connection to read with.
///
/// ```
/// use es_core::{CheckpointStore, LogId, Owner, Position, Progress, ReadModel, SubscriberName};
/// use es_store_sqlite::SqliteReadModel;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("views.db");
/// let model = SqliteReadModel::open(&path).await?;
/// let table = "CREATE TABLE IF NOT EXISTS balances (account TEXT PRIMARY KEY, amount INTEGER)";
/// model.write(|db| db.execute_batch(table)).await?;
///
/// let name = SubscriberName::new("balances-v1")?;
/// let checkpoint = model.claim(&name, LogId::generate(), &Owner::new("worker-1")).await?;
///
/// let tx = model.begin().await?;
/// tx.execute("INSERT INTO balances VALUES (?1, ?2)", ("alice", 5))?;
/// let count = "SELECT count(*) FROM balances";
/// assert_eq!(model.read(|db| db.query_row(count, [], |row| row.get::<_, i64>(0))).await?, 0);
///
/// model.commit(tx, &Progress::from(&checkpoint, Position::new(1))).await?;
/// assert_eq!(model.read(|db| db.query_row(count, [], |row| row.get::<_, i64>(0))).await?, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteReadModel {
    session: Arc<Session>,
}

impl SqliteReadModel {
    /// Opens a model in the database at `path`, and makes both if they are not there.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be opened; `Invalid` when it is no database,
    /// read-only, or our tables in it were altered; `Unsupported` when a newer release made
    /// them; `Busy` when another process holds it for too long; `Fault` when it is damaged.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing open; a new file may be there, empty or whole.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, SqliteOptions::new()).await
    }

    /// Opens a model as `options` say. Those that are about appends and following mean
    /// nothing here.
    ///
    /// `Synchronous::Normal` costs no correctness: a power cut then takes the rows and the
    /// checkpoint of the last commits together, and they are made again from the log. But in such
    /// a transaction no events are appended to a log that promises more:
    /// [`SqliteStore::append_in`](crate::SqliteStore::append_in) answers `Invalid`.
    ///
    /// # Errors
    /// Those of [`SqliteReadModel::open`].
    ///
    /// # Cancel safety
    /// That of [`SqliteReadModel::open`].
    pub async fn open_with(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self> {
        Self::start(Place::File(path.as_ref().to_owned()), options).await
    }

    /// A new model in the memory of the process, which ends with its last handle.
    ///
    /// # Errors
    /// `Fault` when there is no memory or no thread to be had.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    pub async fn in_memory() -> Result<Self> {
        Self::start(Place::Memory, SqliteOptions::new()).await
    }

    async fn start(place: Place, options: SqliteOptions) -> Result<Self> {
        let session = worker::once(move || Session::open(place, options)).await?;
        Ok(Self { session: Arc::new(session) })
    }

    /// Reads rows that are committed, all as of one moment.
    ///
    /// # Errors
    /// What `read` says, as the kind that it means; `Fault` when it panics.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.session.read(|connection| read(connection).map_err(from_driver)).await
    }

    /// Writes in a transaction of its own that moves no checkpoint: to make tables, or to
    /// mend rows by hand. What follows from events belongs into [`ReadModel::commit`].
    ///
    /// # Errors
    /// What `write` says, as the kind that it means; `Fault` when it panics; `Busy` when
    /// another process holds the database for too long; `Invalid` when `write` commits or
    /// rolls back by itself. In each case nothing was written. `OutcomeUnknown` when the
    /// disk failed in the commit.
    ///
    /// # Cancel safety
    /// It is written whole or not at all.
    pub async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.session.write(|connection| write(connection).map_err(from_driver)).await
    }
}

impl ReadModel for SqliteReadModel {
    type Tx = SqliteTx;

    async fn begin(&self) -> Result<SqliteTx> {
        let turn = self.session.turn().await?;
        // Should nobody wait for it any more, what comes back is dropped, and the turn ends.
        let begin = move || turn.begin().map(|()| SqliteTx(turn));
        self.session.ask(begin).await
    }

    async fn commit(&self, tx: SqliteTx, progress: &Progress) -> Result<()> {
        let SqliteTx(turn) = tx;
        if !turn.is_of(&self.session) {
            return Err(Error::new(
                ErrorKind::Invalid,
                "the transaction was begun on another read model",
            ));
        }
        let progress = progress.clone();
        self.session
            .ask(move || {
                turn.check()?;
                ledger::advance(turn.connection(), &progress)?;
                turn.commit()
            })
            .await
    }

    /// `Unavailable` when the disk is full or fails, `Busy` when something is locked or memory
    /// ran out, as the driver's error among the causes says.
    async fn trouble(
        &self,
        _: &mut SqliteTx,
        error: &(dyn StdError + Send + Sync + 'static),
    ) -> Option<ErrorKind> {
        causes(error).find_map(|error| error.downcast_ref::<rusqlite::Error>()).and_then(in_handler)
    }
}

#[async_trait]
impl CheckpointStore for SqliteReadModel {
    async fn claim(
        &self,
        subscriber: &SubscriberName,
        log: LogId,
        owner: &Owner,
    ) -> Result<Checkpoint> {
        let (name, owner) = (subscriber.clone(), owner.clone());
        self.session.write(move |connection| ledger::claim(connection, &name, log, &owner)).await
    }

    async fn advance(&self, progress: &Progress) -> Result<()> {
        let progress = progress.clone();
        self.session.write(move |connection| ledger::advance(connection, &progress)).await
    }

    async fn checkpoint(&self, subscriber: &SubscriberName) -> Result<Option<Checkpoint>> {
        let name = subscriber.clone();
        self.session.look(move |connection| ledger::checkpoint(connection, &name)).await
    }

    async fn forget(&self, subscriber: &SubscriberName) -> Result<()> {
        let name = subscriber.clone();
        self.session.write(move |connection| ledger::forget(connection, &name)).await
    }
}

#[async_trait]
impl DeadLetterStore for SqliteReadModel {
    async fn dead_letters(
        &self,
        subscriber: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<DeadLetter>> {
        let name = subscriber.clone();
        self.session.look(move |connection| letters::parked(connection, &name, after, limit)).await
    }

    async fn parked_streams(
        &self,
        subscriber: &SubscriberName,
    ) -> Result<Vec<(StreamId, Position)>> {
        let name = subscriber.clone();
        self.session.look(move |connection| letters::streams(connection, &name)).await
    }

    async fn skipped(
        &self,
        subscriber: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(DeadLetter, String)>> {
        let name = subscriber.clone();
        self.session.look(move |connection| letters::skipped(connection, &name, after, limit)).await
    }
}

impl Debug for SqliteReadModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteReadModel")
            .field("place", &self.session.place)
            .finish_non_exhaustive()
    }
}

impl Display for SqliteReadModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.session.place, f)
    }
}
