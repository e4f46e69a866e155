//! Folded state that is kept so that it need not be folded again.

use std::{
    fmt::{self, Debug, Display},
    sync::Arc,
};

use async_trait::async_trait;

use crate::{EventId, LogId, Payload, Result, StreamId, Timestamp, Version};

/// What a snapshot is of: the state of a stream, in one shape.
///
/// The fingerprint stands for the shape of the state; when the type changes, the key does,
/// and old snapshots are no longer found (A5).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SnapshotKey {
    /// The stream.
    pub stream: StreamId,
    /// A hash of the shape of the state.
    pub fingerprint: u64,
}

impl SnapshotKey {
    /// Puts the two together.
    #[must_use]
    pub const fn new(stream: StreamId, fingerprint: u64) -> Self {
        Self { stream, fingerprint }
    }
}

impl Display for SnapshotKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{:016x}", self.stream, self.fingerprint)
    }
}

/// The state of a stream at a version. It is a cache: losing it costs time.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// What it is of.
    pub key: SnapshotKey,
    /// The version of the last event that is folded in.
    pub version: Version,
    /// That event: proof that the stream still has the same history there.
    pub event: EventId,
    /// The log that the stream is in.
    pub log: LogId,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// The state.
    pub state: Payload,
}

impl Snapshot {
    /// Takes a snapshot now.
    #[must_use]
    pub fn new(
        key: SnapshotKey,
        version: Version,
        event: EventId,
        log: LogId,
        state: Payload,
    ) -> Self {
        Self { key, version, event, log, taken_at: Timestamp::now(), state }
    }
}

/// Keeps the newest snapshot of each key.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> es_core::Result<()> {
/// use es_core::{EventId, LogId, Payload, Snapshot, SnapshotKey, SnapshotStore, StreamId, Version};
/// use es_store_memory::MemorySnapshotStore;
///
/// let snapshots = MemorySnapshotStore::new();
/// let key = SnapshotKey::new(StreamId::new("account", "alice")?, 0x5eed);
/// let state = Payload::json(&70)?;
/// let taken = Snapshot::new(key.clone(), Version::new(3)?, EventId::new(), LogId::generate(), state);
/// snapshots.save(taken.clone()).await?;
/// assert_eq!(snapshots.load(&key).await?.map(|found| found.version), Some(taken.version));
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait SnapshotStore: Debug + Display + Send + Sync + 'static {
    /// The snapshot of `key`, if there is one.
    ///
    /// # Errors
    /// `Unavailable` or `Fault`; callers then fold from the start.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    async fn load(&self, key: &SnapshotKey) -> Result<Option<Snapshot>>;

    /// Keeps `snapshot`, unless a newer version of the same key and log is there.
    ///
    /// # Errors
    /// `Unavailable` or `Fault`; nothing depends on it.
    ///
    /// # Cancel safety
    /// It is kept or it is not.
    async fn save(&self, snapshot: Snapshot) -> Result<()>;

    /// Drops the snapshot of `key`, if there is one.
    ///
    /// # Errors
    /// `Unavailable` or `Fault`.
    ///
    /// # Cancel safety
    /// It is dropped or it is not; doing it again is safe.
    async fn delete(&self, key: &SnapshotKey) -> Result<()>;
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: SnapshotStore + ?Sized> SnapshotStore for Arc<T> {
    async fn load(&self, key: &SnapshotKey) -> Result<Option<Snapshot>> {
        (**self).load(key).await
    }

    async fn save(&self, snapshot: Snapshot) -> Result<()> {
        (**self).save(snapshot).await
    }

    async fn delete(&self, key: &SnapshotKey) -> Result<()> {
        (**self).delete(key).await
    }
}
