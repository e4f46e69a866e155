//! Read models in the database, and the checkpoints and dead letters beside them.

use std::{
    error::Error as StdError,
    fmt::{self, Debug, Display},
    sync::Arc,
};

use async_trait::async_trait;
use deadpool_postgres::Pool;
use es_core::{
    Checkpoint, CheckpointStore, DeadLetter, DeadLetterStore, Error, ErrorKind, LogId, Owner,
    Position, Progress, ReadModel, Result, StreamId, SubscriberName, causes,
};

use super::{
    ledger::{self, Sql},
    letters,
    tx::PgTx,
};
use crate::{
    connect::Connections,
    error::{in_handler, is_cut, leads_astray},
    lent::Lent,
    migrate,
    options::PostgresOptions,
    url::target,
};

/// Rows, checkpoints and dead letters in one PostgreSQL database, committed together (P1).
/// Cloning it copies the handle.
///
/// The log may be in the same database or anywhere else. The rows are the user's own
/// tables; [`PgTx`] is the transaction that they are written in, with plain
/// tokio-postgres.
///
/// ```no_run
/// use es_core::{CheckpointStore, LogId, Owner, Position, Progress, ReadModel, SubscriberName};
/// use es_store_postgres::PostgresReadModel;
///
/// # async fn project(log: LogId) -> Result<(), Box<dyn std::error::Error>> {
/// let model = PostgresReadModel::open("postgres://me@localhost/bank").await?;
/// let name = SubscriberName::new("balances")?;
/// let checkpoint = model.claim(&name, log, &Owner::new("worker 1")).await?;
///
/// let tx = model.begin().await?;
/// tx.execute("UPDATE balance SET amount = amount + 5 WHERE owner = 'alice'", &[]).await?;
/// model.commit(tx, &Progress::from(&checkpoint, Position::new(1))).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresReadModel {
    connections: Connections,
    sql: Arc<Sql>,
    name: Arc<str>,
}

impl PostgresReadModel {
    /// Opens the tables of progress in the database at `url`; made if they are not there.
    ///
    /// # Errors
    /// Those of [`PostgresStore::open`](crate::PostgresStore::open).
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing open.
    pub async fn open(url: &str) -> Result<Self> {
        Self::open_with(url, PostgresOptions::new()).await
    }

    /// The same as `options` say.
    ///
    /// # Errors
    /// Those of [`PostgresReadModel::open`].
    ///
    /// # Cancel safety
    /// That of [`PostgresReadModel::open`].
    pub async fn open_with(url: &str, options: PostgresOptions) -> Result<Self> {
        let (config, options) = target(url, &options)?;
        Self::start(Connections::to(&config, &options)?, &options).await
    }

    /// The same through a pool that is the caller's: it is used and never closed.
    ///
    /// # Errors
    /// Those of [`PostgresReadModel::open`].
    ///
    /// # Cancel safety
    /// That of [`PostgresReadModel::open`].
    pub async fn with_pool(pool: Pool, options: PostgresOptions) -> Result<Self> {
        Self::start(Connections::of(pool, &options), &options).await
    }

    async fn start(connections: Connections, options: &PostgresOptions) -> Result<Self> {
        let (_, names, _) = migrate::ready(&connections, options).await?;
        let sql = Arc::new(Sql::new(&names));
        Ok(Self { connections, sql, name: format!("postgres: {}", names.qualified()).into() })
    }
}

/// A connection to a server that takes no writes is not used again: behind the same name there
/// may be another server by now.
fn given_back<T>(client: Lent, result: Result<T>) -> Result<T> {
    match &result {
        Err(error) if leads_astray(error) => client.close(),
        _ => drop(client.answered()),
    }
    result
}

/// The same for a transaction that failed.
fn ended(tx: PgTx, error: Error) -> Error {
    if leads_astray(&error) {
        tx.give_up();
    }
    error
}

impl ReadModel for PostgresReadModel {
    type Tx = PgTx;

    async fn begin(&self) -> Result<PgTx> {
        PgTx::begin(&self.connections).await
    }

    async fn commit(&self, tx: PgTx, progress: &Progress) -> Result<()> {
        // Behind what the handler sent, without waiting for it: if that failed, this does too.
        let moved = ledger::advance_within(&tx, &self.sql, progress);
        let (settled, moved) = futures_util::future::join(tx.settle(), moved).await;
        match settled.and(moved) {
            Ok(()) => tx.commit().await,
            Err(error) => Err(ended(tx, error)),
        }
    }

    /// `Unavailable` when the server is read-only, its disk fails, or it has run out of disk,
    /// memory or another resource; `Busy` for a deadlock, a time-out of the server, or a
    /// connection that was cut.
    async fn trouble(
        &self,
        tx: &mut PgTx,
        error: &(dyn StdError + Send + Sync + 'static),
    ) -> Option<ErrorKind> {
        let said = causes(error).find_map(|error| error.downcast_ref::<tokio_postgres::Error>());
        // What failed first is the cause, and a statement behind it that was waited for tells
        // only that. The handler may have told of it in words of its own: then the connection
        // does.
        let sent = tx.first_failure().await.unwrap_or_default();
        let answer = tx.batch_execute("").await.err();
        let errors = || said.into_iter().chain(&sent).chain(&answer);
        if errors().any(|error| is_cut(error) || leads_astray(error)) {
            tx.give_up();
        }
        errors().find_map(in_handler)
    }
}

#[async_trait]
impl CheckpointStore for PostgresReadModel {
    async fn claim(
        &self,
        subscriber: &SubscriberName,
        log: LogId,
        owner: &Owner,
    ) -> Result<Checkpoint> {
        let client = self.connections.get().await?;
        let claimed = ledger::claim(&***client, &self.sql, subscriber, log, owner).await;
        given_back(client, claimed)
    }

    async fn advance(&self, progress: &Progress) -> Result<()> {
        let moves_letters = !progress.parked.is_empty() || !progress.released.is_empty();
        if !moves_letters && !progress.moves_back {
            let client = self.connections.get().await?;
            let moved = ledger::advance_alone(&***client, &self.sql, progress).await;
            return given_back(client, moved);
        }
        let tx = PgTx::begin(&self.connections).await?;
        match ledger::advance(&*tx, &self.sql, progress).await {
            Ok(()) => tx.commit().await,
            Err(error) => Err(ended(tx, error)),
        }
    }

    async fn checkpoint(&self, subscriber: &SubscriberName) -> Result<Option<Checkpoint>> {
        let client = self.connections.get().await?;
        let known = ledger::checkpoint(&***client, &self.sql, subscriber).await;
        given_back(client, known)
    }

    async fn forget(&self, subscriber: &SubscriberName) -> Result<()> {
        let client = self.connections.get().await?;
        let forgotten = ledger::forget(&***client, &self.sql, subscriber).await;
        given_back(client, forgotten)
    }
}

#[async_trait]
impl DeadLetterStore for PostgresReadModel {
    async fn dead_letters(
        &self,
        subscriber: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<DeadLetter>> {
        let client = self.connections.get().await?;
        let parked = letters::parked(&***client, &self.sql.letters, subscriber, after, limit).await;
        given_back(client, parked)
    }

    async fn parked_streams(
        &self,
        subscriber: &SubscriberName,
    ) -> Result<Vec<(StreamId, Position)>> {
        let client = self.connections.get().await?;
        let streams = letters::streams(&***client, &self.sql.letters, subscriber).await;
        given_back(client, streams)
    }

    async fn skipped(
        &self,
        subscriber: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(DeadLetter, String)>> {
        let client = self.connections.get().await?;
        let skipped =
            letters::skipped(&***client, &self.sql.letters, subscriber, after, limit).await;
        given_back(client, skipped)
    }
}

impl Debug for PostgresReadModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresReadModel").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Display for PostgresReadModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
