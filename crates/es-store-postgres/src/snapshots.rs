//! Folded state in the database.

use std::fmt::{self, Debug, Display};

use async_trait::async_trait;
use bytes::Bytes;
use deadpool_postgres::Pool;
use es_core::{
    ContentType, EventId, LogId, Payload, Result, Snapshot, SnapshotKey, SnapshotStore, Version,
};

use tokio_postgres::types::Type;

use crate::{
    append::signed,
    ask::Typed,
    connect::Connections,
    error::{damaged, from_driver},
    migrate,
    names::Names,
    options::PostgresOptions,
    read::{Micros, unsigned},
    url::target,
};

/// Snapshots in a table of the database. Cloning it copies the handle.
///
/// ```no_run
/// use es_core::{SnapshotKey, SnapshotStore, StreamId};
/// use es_store_postgres::PostgresSnapshotStore;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> es_core::Result<()> {
/// let snapshots = PostgresSnapshotStore::open("postgres://me@localhost/bank").await?;
/// // `Repository::with_snapshots` takes it; by hand:
/// let alice = SnapshotKey::new(StreamId::new("account", "alice")?, 0x5eed);
/// assert!(snapshots.load(&alice).await?.is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresSnapshotStore {
    connections: Connections,
    names: Names,
}

impl PostgresSnapshotStore {
    /// Opens the table of snapshots in the database at `url`; made if it is not there.
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
    /// Those of [`PostgresSnapshotStore::open`].
    ///
    /// # Cancel safety
    /// That of [`PostgresSnapshotStore::open`].
    pub async fn open_with(url: &str, options: PostgresOptions) -> Result<Self> {
        let (config, options) = target(url, &options)?;
        Self::start(Connections::to(&config, &options)?, &options).await
    }

    /// The same through a pool that is the caller's: it is used and never closed.
    ///
    /// # Errors
    /// Those of [`PostgresSnapshotStore::open`].
    ///
    /// # Cancel safety
    /// That of [`PostgresSnapshotStore::open`].
    pub async fn with_pool(pool: Pool, options: PostgresOptions) -> Result<Self> {
        Self::start(Connections::of(pool, &options), &options).await
    }

    async fn start(connections: Connections, options: &PostgresOptions) -> Result<Self> {
        let (_, names, _) = migrate::ready(&connections, options).await?;
        Ok(Self { connections, names })
    }
}

#[async_trait]
impl SnapshotStore for PostgresSnapshotStore {
    async fn load(&self, key: &SnapshotKey) -> Result<Option<Snapshot>> {
        let client = self.connections.get().await?;
        let sql = self.names.sql(
            "SELECT version, event, log, taken_at, state, content_type FROM {es}snapshots \
             WHERE stream = $1 AND fingerprint = $2",
        );
        let (stream, fingerprint) = (key.stream.to_string(), key.fingerprint.cast_signed());
        let values: [Typed<'_>; 2] = [(&stream, Type::TEXT), (&fingerprint, Type::INT8)];
        let row = self.connections.sent().query_opt(&client, &sql, &values).await;
        drop(client.answered());
        let row = row.map_err(|error| from_driver(None, error))?;
        let Some(row) = row else { return Ok(None) };
        let content_type = match row.try_get::<_, Option<&str>>(5).map_err(damaged)? {
            None => ContentType::JSON,
            Some(text) => ContentType::new(text)?,
        };
        let state = Bytes::copy_from_slice(row.try_get(4).map_err(damaged)?);
        let mut snapshot = Snapshot::new(
            key.clone(),
            Version::new(unsigned(row.try_get(0).map_err(damaged)?)?)?,
            EventId::from_uuid(row.try_get(1).map_err(damaged)?),
            LogId::from_uuid(row.try_get(2).map_err(damaged)?),
            Payload::stored(content_type, state),
        );
        snapshot.taken_at = row.try_get::<_, Micros>(3).map_err(damaged)?.into();
        Ok(Some(snapshot))
    }

    async fn save(&self, snapshot: Snapshot) -> Result<()> {
        let client = self.connections.get().await?;
        let sql = self.names.sql(
            "INSERT INTO {es}snapshots AS s VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
             ON CONFLICT (stream, fingerprint) DO UPDATE SET version = excluded.version, \
             event = excluded.event, log = excluded.log, taken_at = excluded.taken_at, \
             state = excluded.state, content_type = excluded.content_type \
             WHERE s.log <> excluded.log OR s.version <= excluded.version",
        );
        let content_type = snapshot.state.content_type();
        let content_type = (*content_type != ContentType::JSON).then(|| content_type.as_str());
        let values: [Typed<'_>; 8] = [
            (&snapshot.key.stream.to_string(), Type::TEXT),
            (&snapshot.key.fingerprint.cast_signed(), Type::INT8),
            (&signed(snapshot.version.get()), Type::INT8),
            (&snapshot.event.as_uuid(), Type::UUID),
            (&snapshot.log.as_uuid(), Type::UUID),
            (&Micros::from(snapshot.taken_at), Type::TIMESTAMPTZ),
            (&&snapshot.state.bytes()[..], Type::BYTEA),
            (&content_type, Type::TEXT),
        ];
        let saved = self.connections.sent().execute(&client, &sql, &values).await;
        drop(client.answered());
        saved.map(drop).map_err(|error| from_driver(None, error))
    }

    async fn delete(&self, key: &SnapshotKey) -> Result<()> {
        let client = self.connections.get().await?;
        let sql =
            self.names.sql("DELETE FROM {es}snapshots WHERE stream = $1 AND fingerprint = $2");
        let (stream, fingerprint) = (key.stream.to_string(), key.fingerprint.cast_signed());
        let values: [Typed<'_>; 2] = [(&stream, Type::TEXT), (&fingerprint, Type::INT8)];
        let deleted = client.execute_typed(&sql, &values).await;
        drop(client.answered());
        deleted.map(drop).map_err(|error| from_driver(None, error))
    }
}

impl Debug for PostgresSnapshotStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSnapshotStore").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Display for PostgresSnapshotStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres: {}snapshots", self.names.qualified())
    }
}
