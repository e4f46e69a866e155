//! Whether a session sees all partitions of the events.
//!
//! # Hazard
//! A session of PostgreSQL keeps a list of a table's partitions. When news of the table comes
//! while the list is being made, the old list is kept nevertheless, until the next news. Such a
//! session passes over the events of the newest partition in silence, for as long as nobody
//! attaches another.
//! # Mechanism
//! Each page of a partitioned log is asked for behind a look for the last event of the log, in one
//! transaction, which is one session whatever pooler stands in between. Where the look does not
//! find it, news is sent to everybody, the session is given up, and another is asked.
//! # Why it is sound
//! A list shows one moment, and partitions are attached in the order of their positions: a list
//! with the last partition lacks none. A list that is made later than the look lacks still less.
//! The page is planned behind the look, and reads no further than the log was known to reach
//! before it.
//! # What it costs
//! A look by position for each page, sent ahead of it without waiting for the answer, a round trip
//! for the end of the transaction, and a connection for each page, however short.

use deadpool_postgres::Object;
use futures_util::{FutureExt, future::join3};
use tokio_postgres::{
    Error, RowStream,
    types::{ToSql, Type},
};

use crate::{ask::Typed, names::Names};

/// The statements, with the names of the tables in them.
#[derive(Debug)]
pub(super) struct Sight {
    look: String,
    tell: String,
}

impl Sight {
    pub(super) fn new(names: &Names) -> Self {
        Self {
            look: names.sql("SELECT {es}in_sight()"),
            tell: names.sql("SELECT {es}open_partitions()"),
        }
    }

    /// Begins a transaction and gives the rows of a page, if the session sees all partitions.
    /// Nobody else uses `client` until the transaction has ended.
    ///
    /// The page is sent with its text: planned for an earlier one, a statement would go by an
    /// older list than the look.
    pub(super) async fn rows<'c>(
        &self,
        client: &'c Object,
        sql: &str,
        values: &[Typed<'_>],
    ) -> Result<(RowStream, Begun<'c>), Error> {
        let values = values.iter().map(|(value, of)| (*value, of.clone()));
        let values: Vec<(&(dyn ToSql + Sync), Type)> = values.collect();
        let transaction = Begun { client, is_over: false };
        // The driver sends them in the order in which they are first polled.
        let (begun, look, rows) = join3(
            client.batch_execute("BEGIN READ ONLY"),
            client.query_typed(&self.look, &[]),
            client.query_typed_raw(sql, values),
        )
        .await;
        begun?;
        look?;
        Ok((rows?, transaction))
    }

    /// Has news of the table sent to all sessions. Where that cannot be done, as on a standby, a
    /// session that is made anew is all that helps.
    pub(super) async fn tell(&self, client: &Object) {
        if let Err(error) = client.query_typed(&self.tell, &[]).await {
            tracing::debug!(error = %error, "could not send news of the partitions");
        }
    }
}

/// A transaction that was begun on a connection, and ends with this.
pub(super) struct Begun<'c> {
    client: &'c Object,
    is_over: bool,
}

impl Begun<'_> {
    /// Ends it, when all rows have come.
    pub(super) async fn end(mut self) -> Result<(), Error> {
        self.client.batch_execute("COMMIT").await?;
        self.is_over = true;
        Ok(())
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            // Polled once, it is sent: whoever uses the connection next comes behind it.
            drop(self.client.batch_execute("ROLLBACK").now_or_never());
        }
    }
}
