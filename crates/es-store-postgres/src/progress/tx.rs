//! A transaction that the user writes rows in.

use std::{
    collections::HashMap,
    fmt,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use es_core::{Error, ErrorKind, Result};
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio_postgres::{Client, Statement, types::ToSql};

use super::{
    ahead::Ahead,
    ledger::{MARK, OPEN},
};
use crate::{
    ask::{Sent, Typed},
    connect::Connections,
    error::{closed, damaged, from_model, is_cut, is_lost},
    lent::Held,
};

/// A transaction of a [`PostgresReadModel`](crate::PostgresReadModel), with a connection to
/// itself. It derefs to the driver's [`Client`], whose statements run within it; dropping
/// it rolls back.
///
/// It begins and ends here: a `COMMIT` or `ROLLBACK` of your own is noticed, and the commit
/// of the read model then fails with `Invalid`. Savepoints are fine.
///
/// ```no_run
/// use es_core::{BoxError, Recorded};
/// use es_store_postgres::PgTx;
///
/// /// What a projection does with an event.
/// async fn apply(event: &Recorded, tx: &mut PgTx) -> Result<(), BoxError> {
///     let seen = tx.prepare_cached("UPDATE accounts SET events = events + 1 WHERE name = $1").await?;
///     tx.execute(&seen, &[&event.stream.key().as_str()]).await?;
///     Ok(())
/// }
/// ```
pub struct PgTx {
    client: Option<Arc<Held>>,
    /// What becomes of statements that were sent and that nobody waits for.
    ahead: Ahead,
    how: Sent,
    /// How long it may take to roll back once it is dropped.
    patience: Duration,
    /// Behind a pooler of transactions: what was prepared in this one, and goes with it.
    prepared: Mutex<HashMap<String, Statement>>,
}

/// Behind a pooler of transactions, the names of statements that somebody left on the
/// connection, and that the driver would give again, are taken away.
const WITHOUT_NAMES: &str = include_str!("without_names.sql");

impl PgTx {
    pub(super) async fn begin(connections: &Connections) -> Result<Self> {
        let client = connections.get().await?.answered();
        // From here on dropping it rolls back, whether the server has begun or not.
        let (client, ahead) = (Some(Arc::new(Held::new(client))), Ahead::new()?);
        let (how, prepared) = (connections.sent(), Mutex::default());
        let patience = connections.patience();
        let tx = Self { client, ahead, how, patience, prepared };
        let mut sql = format!("BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL {MARK} = 'open'");
        if tx.how == Sent::ByText {
            sql = format!("{sql}; {WITHOUT_NAMES}");
        }
        match tx.batch_execute(&sql).await {
            Ok(()) => Ok(tx),
            Err(error) => {
                tx.discard();
                Err(from_model(error))
            }
        }
    }

    /// A prepared statement, kept with the connection for whoever asks for the same text
    /// again: a handler that runs the same statement for each event is planned once. Behind a
    /// pooler of transactions it is kept for this transaction, and must not outlive it.
    ///
    /// ```no_run
    /// # use es_store_postgres::{PgTx, tokio_postgres};
    /// # async fn credit(tx: &mut PgTx) -> Result<(), tokio_postgres::Error> {
    /// let credit = tx.prepare_cached("UPDATE balance SET cents = cents + $2 WHERE owner = $1").await?;
    /// tx.execute(&credit, &[&"alice", &500_i64]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of the driver.
    ///
    /// # Cancel safety
    /// Safe: it is kept or it is not.
    #[expect(clippy::expect_used, reason = "only what consumes the value takes the client")]
    pub async fn prepare_cached(&self, sql: &str) -> Result<Statement, tokio_postgres::Error> {
        let client = self.client.as_ref().expect("a transaction that is not over");
        if self.how == Sent::ByName {
            return client.prepare_cached(sql).await;
        }
        let known = self.prepared().get(sql).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let statement = client.prepare(sql).await?;
        self.prepared().insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Carries out a statement that the next transaction on the connection will want too.
    #[expect(clippy::expect_used, reason = "only what consumes the value takes the client")]
    pub(super) async fn execute_again(
        &self,
        sql: &str,
        values: &[Typed<'_>],
    ) -> Result<u64, tokio_postgres::Error> {
        let client = self.client.as_ref().expect("a transaction that is not over");
        self.how.execute(client, sql, values).await
    }

    /// Sends a statement and does not wait for its reply, so that a handler of one event after
    /// the other does not wait for the network each time. Statements run in the order in which
    /// they were sent, with all others of this transaction. If one fails, so does the commit of
    /// the read model, with its error, and smaller parts of the batch are tried, as if the
    /// handler had failed. One that cuts its connection is no failure of the rows: the batch is tried
    /// again for as long as that goes on, as in an outage, and the status tells. Await a statement that
    /// may do that; then its event is parked after the retries.
    ///
    /// It waits for nothing, so nothing holds back who sends: it is for batches, not for millions
    /// of rows in one transaction.
    ///
    /// ```no_run
    /// # use es_store_postgres::{PgTx, tokio_postgres};
    /// # async fn credit(tx: &mut PgTx) -> Result<(), tokio_postgres::Error> {
    /// let credit = tx.prepare_cached("UPDATE balance SET cents = cents + $2 WHERE owner = $1").await?;
    /// tx.send(&credit, vec![Box::new("alice"), Box::new(500_i64)]);
    /// # Ok(())
    /// # }
    /// ```
    #[expect(clippy::expect_used, reason = "only what consumes the value takes the client")]
    pub fn send(&self, statement: &Statement, values: Vec<Box<dyn ToSql + Sync + Send>>) {
        let client = Arc::clone(self.client.as_ref().expect("a transaction that is not over"));
        let statement = statement.clone();
        self.ahead.send(Box::pin(async move { client.execute_raw(&statement, values).await }));
    }

    /// Waits for the replies to what was sent; the first failure is the cause of the others.
    pub(super) async fn first_failure(&self) -> Result<Option<tokio_postgres::Error>> {
        self.ahead.settle().await
    }

    /// Waits for the replies to what was sent, and says what a failure means.
    pub(super) async fn settle(&self) -> Result<()> {
        match self.first_failure().await? {
            None => Ok(()),
            Some(error) if is_cut(&error) => Err(from_model(error)),
            // It is up to the rows, whatever it is: the events at fault can be found.
            Some(error) => {
                let message = "a statement that was sent ahead failed";
                if error.as_db_error().is_none() {
                    // The driver refused a value, and sent nothing.
                    return Err(Error::fault(message, error));
                }
                let known = from_model(error);
                match known.kind() {
                    // So it would be with any rows.
                    ErrorKind::Unavailable => Err(known),
                    _ => Err(Error::fault(message, known)),
                }
            }
        }
    }

    fn prepared(&self) -> MutexGuard<'_, HashMap<String, Statement>> {
        // Nothing that can panic happens under the lock.
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection. What was prepared for this transaction alone is closed within it, and
    /// replies are not waited for any longer.
    fn take(&mut self) -> Option<Arc<Held>> {
        self.prepared().clear();
        self.ahead.end();
        self.client.take()
    }

    /// Makes sure that what was begun has not been ended by the user.
    pub(super) async fn check(&self) -> Result<()> {
        let fails = from_model;
        let row = self.query_one(&format!("SELECT {OPEN}"), &[]).await.map_err(fails)?;
        if row.try_get::<_, bool>(0).map_err(damaged)? {
            return Ok(());
        }
        let message = "the transaction of the read model was ended by a statement of the \
                       projection: the checkpoint was not moved; leave COMMIT and ROLLBACK to \
                       the runner";
        Err(Error::new(ErrorKind::Invalid, message))
    }

    /// Commits.
    pub(super) async fn commit(mut self) -> Result<()> {
        let client = self.take().ok_or_else(closed)?;
        let committed = client.batch_execute("COMMIT").await;
        match committed {
            Ok(()) => Ok(()),
            Err(error) if is_lost(&error) => {
                client.give_up();
                let message = "the reply to the commit was lost: the checkpoint tells whether it \
                               took place";
                Err(Error::new(ErrorKind::OutcomeUnknown, message).with_source(error))
            }
            Err(error) => Err(from_model(error)),
        }
    }

    /// Has it end together with its connection, once it is dropped.
    pub(super) fn give_up(&self) {
        if let Some(client) = &self.client {
            client.give_up();
        }
    }

    /// Ends it together with its connection.
    pub(super) fn discard(mut self) {
        if let Some(client) = self.take() {
            client.give_up();
        }
    }
}

impl Deref for PgTx {
    type Target = Client;

    #[expect(clippy::expect_used, reason = "only what consumes the value takes the client")]
    fn deref(&self) -> &Client {
        self.client.as_ref().expect("a transaction that is not over")
    }
}

impl Drop for PgTx {
    fn drop(&mut self) {
        if let Some(client) = self.take() {
            // The first poll sends it, in the order of the connection: whoever gets the
            // connection next speaks behind it.
            let (held, patience) = (Arc::clone(&client), self.patience);
            let mut rollback = Box::pin(async move { held.batch_execute("ROLLBACK").await });
            match ((&mut rollback).now_or_never(), Handle::try_current()) {
                // It could not be sent: the connection is gone, and the transaction with it.
                (Some(_), _) => client.give_up(),
                // Nobody is to have a connection that died in silence.
                (None, Ok(runtime)) => drop(runtime.spawn(async move {
                    let answer = tokio::time::timeout(patience, rollback).await;
                    if !matches!(answer, Ok(Ok(()))) {
                        client.give_up();
                    }
                })),
                (None, Err(_)) => {}
            }
        }
    }
}

impl fmt::Debug for PgTx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgTx").finish_non_exhaustive()
    }
}
