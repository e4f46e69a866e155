//! A store of snapshots.

use std::{
    fmt::{self, Debug, Display},
    path::Path,
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use es_core::{
    ContentType, EventId, LogId, Payload, Result, Snapshot, SnapshotKey, SnapshotStore, Timestamp,
    Version,
};
use rusqlite::{Connection, OptionalExtension, Row};
use uuid::Uuid;

use crate::{
    error::{damaged, from_driver},
    open::{self, Place, SNAPSHOTS},
    options::{SqliteOptions, Synchronous},
    read::{signed, unsigned},
    worker::{self, Worker},
};

/// Snapshots in an SQLite database: that of the log, or another. Cloning it copies the handle.
///
/// Of each key it keeps the newest version, in the table `es_snapshots`, which may be emptied
/// at any time. A save does not wait for the disk: a power cut may take the last ones, which
/// costs time and nothing else.
///
/// ```
/// use es_core::SnapshotStore;
/// use es_store_sqlite::SqliteSnapshotStore;
/// # use es_core::{EventId, LogId, Payload, Snapshot, SnapshotKey, StreamId, Version};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("bank.db");
/// # let key = SnapshotKey::new(StreamId::new("account", "alice")?, 7);
/// # let state = Payload::json(&5)?;
/// # let (event, log) = (EventId::new(), LogId::generate());
/// # let snapshot = Snapshot::new(key.clone(), Version::FIRST, event, log, state);
/// let snapshots = SqliteSnapshotStore::open(&path).await?;
/// snapshots.save(snapshot.clone()).await?;
/// assert_eq!(snapshots.load(&key).await?, Some(snapshot));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteSnapshotStore {
    inner: Arc<Inner>,
}

struct Inner {
    place: Place,
    writer: Worker<Connection>,
    /// None in memory, where there is one connection for everything.
    reader: Option<Worker<Connection>>,
}

impl SqliteSnapshotStore {
    /// Opens a store in the database at `path`, and makes both if they are not there.
    ///
    /// # Errors
    /// Those of [`SqliteReadModel::open`](crate::SqliteReadModel::open).
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing open; a new file may be there, empty or whole.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        let options = SqliteOptions::new().with_synchronous(Synchronous::Normal);
        Self::open_with(path, options).await
    }

    /// Opens a store as `options` say. Those that are about appends and following mean
    /// nothing here.
    ///
    /// # Errors
    /// Those of [`SqliteSnapshotStore::open`].
    ///
    /// # Cancel safety
    /// That of [`SqliteSnapshotStore::open`].
    pub async fn open_with(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self> {
        Self::start(Place::File(path.as_ref().to_owned()), options).await
    }

    /// A new store in the memory of the process, which ends with its last handle.
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
        let inner = worker::once(move || Inner::open(place, &options)).await?;
        Ok(Self { inner: Arc::new(inner) })
    }
}

impl Inner {
    fn open(place: Place, options: &SqliteOptions) -> Result<Self> {
        let connection = open::beside(&place, &SNAPSHOTS, options)?;
        // Each change is one statement, and SQLite's own patience is enough for that.
        open::be_patient(&connection, options.busy_timeout).map_err(from_driver)?;
        let reader = match &place {
            Place::Memory => None,
            Place::File(path) => {
                Some(Worker::start("es-sqlite-snap-read", open::reader(path, options)?)?)
            }
        };
        Ok(Self { place, writer: Worker::start("es-sqlite-snap-write", connection)?, reader })
    }
}

#[async_trait]
impl SnapshotStore for SqliteSnapshotStore {
    async fn load(&self, key: &SnapshotKey) -> Result<Option<Snapshot>> {
        let key = key.clone();
        let reader = self.inner.reader.as_ref().unwrap_or(&self.inner.writer);
        reader.ask(move |connection| load(connection, key)).await
    }

    async fn save(&self, snapshot: Snapshot) -> Result<()> {
        self.inner
            .writer
            .ask(move |connection| save(connection, &snapshot).map_err(from_driver))
            .await
    }

    async fn delete(&self, key: &SnapshotKey) -> Result<()> {
        let key = key.clone();
        self.inner.writer.ask(move |connection| delete(connection, &key).map_err(from_driver)).await
    }
}

fn load(connection: &Connection, key: SnapshotKey) -> Result<Option<Snapshot>> {
    let mut statement = connection
        .prepare_cached(
            "SELECT version, event, log, taken_at, content_type, state FROM es_snapshots
             WHERE category = ?1 AND key = ?2 AND tenant = ?3 AND fingerprint = ?4",
        )
        .map_err(from_driver)?;
    let raw = statement.query_row(named(&key), Raw::of).optional().map_err(from_driver)?;
    raw.map(|raw| raw.snapshot(key)).transpose()
}

/// Keeps the snapshot, unless a newer one of the same log is there.
fn save(connection: &Connection, snapshot: &Snapshot) -> rusqlite::Result<()> {
    let (category, key, tenant, fingerprint) = named(&snapshot.key);
    let content_type = snapshot.state.content_type();
    let content_type = (*content_type != ContentType::JSON).then(|| content_type.as_str());
    connection
        .prepare_cached(
            "INSERT INTO es_snapshots (category, key, tenant, fingerprint, version, event, log,
                                       taken_at, content_type, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (category, key, tenant, fingerprint) DO UPDATE SET
                 version = excluded.version, event = excluded.event, log = excluded.log,
                 taken_at = excluded.taken_at, content_type = excluded.content_type,
                 state = excluded.state
             WHERE excluded.log <> es_snapshots.log OR excluded.version >= es_snapshots.version",
        )?
        .execute(rusqlite::params![
            category,
            key,
            tenant,
            fingerprint,
            signed(snapshot.version.get()),
            snapshot.event.as_uuid().as_bytes(),
            snapshot.log.as_uuid().as_bytes(),
            snapshot.taken_at.as_micros(),
            content_type,
            &snapshot.state.bytes()[..],
        ])
        .map(drop)
}

fn delete(connection: &Connection, key: &SnapshotKey) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM es_snapshots
             WHERE category = ?1 AND key = ?2 AND tenant = ?3 AND fingerprint = ?4",
        )?
        .execute(named(key))
        .map(drop)
}

/// The columns that a key is found by.
fn named(key: &SnapshotKey) -> (&str, &str, &str, i64) {
    let stream = &key.stream;
    let tenant = stream.tenant().map_or("", |tenant| tenant.as_str());
    (stream.category().as_str(), stream.key().as_str(), tenant, key.fingerprint.cast_signed())
}

/// The columns as SQLite has them.
struct Raw {
    version: i64,
    event: [u8; 16],
    log: [u8; 16],
    taken_at: i64,
    content_type: Option<String>,
    state: Vec<u8>,
}

impl Raw {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            version: row.get(0)?,
            event: row.get(1)?,
            log: row.get(2)?,
            taken_at: row.get(3)?,
            content_type: row.get(4)?,
            state: row.get(5)?,
        })
    }

    fn snapshot(self, key: SnapshotKey) -> Result<Snapshot> {
        let content_type = match self.content_type {
            None => ContentType::JSON,
            Some(text) => ContentType::new(text).map_err(damaged)?,
        };
        let version = Version::new(unsigned(self.version)?)?;
        let event = EventId::from_uuid(Uuid::from_bytes(self.event));
        let log = LogId::from_uuid(Uuid::from_bytes(self.log));
        let state = Payload::stored(content_type, Bytes::from(self.state));
        let mut snapshot = Snapshot::new(key, version, event, log, state);
        snapshot.taken_at = Timestamp::from_micros(self.taken_at);
        Ok(snapshot)
    }
}

impl Debug for SqliteSnapshotStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteSnapshotStore")
            .field("place", &self.inner.place)
            .finish_non_exhaustive()
    }
}

impl Display for SqliteSnapshotStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.inner.place, f)
    }
}
