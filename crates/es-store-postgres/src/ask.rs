//! How statements reach the server: prepared under a name that the connection keeps, or with
//! their text each time.
//!
//! *Hazard.* A pooler that lends a server's connection for one transaction (PgBouncer in
//! transaction mode) may carry a statement out on another connection than the one it was
//! prepared on. There its name is unknown, or it is the name of somebody else's statement,
//! which then runs in its place. *Mechanism.* Behind such a pooler the text, the types and the
//! values go out in one piece with one end, under no name. *Why it is sound.* A pooler of
//! transactions never splits what comes before that end, and nothing outlives it. *Cost.* The
//! server parses and plans the text each time.

use deadpool_postgres::Object;
use tokio_postgres::{
    Error, Row, RowStream,
    types::{ToSql, Type},
};

/// How statements are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Prepared once for each connection, which keeps them.
    ByName,
    /// With their text each time; nothing is kept with a connection.
    ByText,
}

/// A value and what PostgreSQL calls its type, which a text that nobody prepared does not tell.
pub(crate) type Typed<'v> = (&'v (dyn ToSql + Sync), Type);

impl Sent {
    pub(crate) async fn rows(
        self,
        client: &Object,
        sql: &str,
        values: &[Typed<'_>],
    ) -> Result<RowStream, Error> {
        match self {
            Self::ByName => {
                let statement = client.prepare_cached(sql).await?;
                client.query_raw(&statement, values.iter().map(|(value, _)| *value)).await
            }
            Self::ByText => {
                let values = values.iter().map(|(value, of)| (*value, of.clone()));
                client.query_typed_raw(sql, values).await
            }
        }
    }

    pub(crate) async fn query(
        self,
        client: &Object,
        sql: &str,
        values: &[Typed<'_>],
    ) -> Result<Vec<Row>, Error> {
        match self {
            Self::ByName => {
                let statement = client.prepare_cached(sql).await?;
                client.query(&statement, &plain(values)).await
            }
            Self::ByText => client.query_typed(sql, values).await,
        }
    }

    pub(crate) async fn query_opt(
        self,
        client: &Object,
        sql: &str,
        values: &[Typed<'_>],
    ) -> Result<Option<Row>, Error> {
        match self {
            Self::ByName => {
                let statement = client.prepare_cached(sql).await?;
                client.query_opt(&statement, &plain(values)).await
            }
            Self::ByText => client.query_typed_opt(sql, values).await,
        }
    }

    pub(crate) async fn query_one(
        self,
        client: &Object,
        sql: &str,
        values: &[Typed<'_>],
    ) -> Result<Row, Error> {
        match self {
            Self::ByName => {
                let statement = client.prepare_cached(sql).await?;
                client.query_one(&statement, &plain(values)).await
            }
            Self::ByText => client.query_typed_one(sql, values).await,
        }
    }

    pub(crate) async fn execute(
        self,
        client: &Object,
        sql: &str,
        values: &[Typed<'_>],
    ) -> Result<u64, Error> {
        match self {
            Self::ByName => {
                let statement = client.prepare_cached(sql).await?;
                client.execute(&statement, &plain(values)).await
            }
            Self::ByText => client.execute_typed(sql, values).await,
        }
    }
}

fn plain<'v>(values: &[Typed<'v>]) -> Vec<&'v (dyn ToSql + Sync)> {
    values.iter().map(|(value, _)| *value).collect()
}
