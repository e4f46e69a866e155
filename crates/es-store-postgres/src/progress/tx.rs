//! A transaction that the user writes rows in.

use std::{fmt, ops::Deref};

use deadpool_postgres::Object;
use es_core::{Error, ErrorKind, Result};
use futures_util::FutureExt;
use tokio_postgres::{Client, Statement};

use super::ledger::{MARK, OPEN};
use crate::{
    connect::Connections,
    error::{closed, damaged, from_driver, is_lost},
};

/// A transaction of a [`PostgresReadModel`](crate::PostgresReadModel), with a connection to
/// itself. It derefs to the driver's [`Client`], whose statements run within it; dropping
/// it rolls back.
///
/// It begins and ends here: a `COMMIT` or `ROLLBACK` of your own is noticed, and the commit
/// of the read model then fails with `Invalid`. Savepoints are fine.
pub struct PgTx {
    client: Option<Object>,
}

impl PgTx {
    pub(super) async fn begin(connections: &Connections) -> Result<Self> {
        let client = connections.get().await?;
        // From here on dropping it rolls back, whether the server has begun or not.
        let tx = Self { client: Some(client) };
        let sql = format!("BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL {MARK} = 'open'");
        match tx.batch_execute(&sql).await {
            Ok(()) => Ok(tx),
            Err(error) => {
                tx.discard();
                Err(from_driver(None, error))
            }
        }
    }

    /// A prepared statement, kept with the connection for whoever asks for the same text
    /// again: a handler that runs the same statement for each event is planned once.
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
        self.client.as_ref().expect("a transaction that is not over").prepare_cached(sql).await
    }

    /// Makes sure that what was begun has not been ended by the user.
    pub(super) async fn check(&self) -> Result<()> {
        let fails = |error| from_driver(None, error);
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
        let client = self.client.take().ok_or_else(closed)?;
        let committed = client.batch_execute("COMMIT").await;
        match committed {
            Ok(()) => Ok(()),
            Err(error) if is_lost(&error) => {
                drop(Object::take(client));
                let message = "the reply to the commit was lost: the checkpoint tells whether it \
                               took place";
                Err(Error::new(ErrorKind::OutcomeUnknown, message).with_source(error))
            }
            Err(error) => Err(from_driver(None, error)),
        }
    }

    /// Ends it together with its connection.
    pub(super) fn discard(mut self) {
        drop(self.client.take().map(Object::take));
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
        if let Some(client) = self.client.take() {
            // The first poll sends it, in the order of the connection: whoever gets the
            // connection next speaks behind it. Nobody waits for the reply.
            if client.batch_execute("ROLLBACK").now_or_never().is_some() {
                // It could not be sent: the connection is gone, and the transaction with it.
                drop(Object::take(client));
            }
        }
    }
}

impl fmt::Debug for PgTx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgTx").finish_non_exhaustive()
    }
}
