//! Folded state in Redis, which may vanish after a while: it is only a cache.

use std::{
    fmt::{self, Debug, Display},
    sync::LazyLock,
    time::Duration,
};

use async_trait::async_trait;
use es_core::{
    ContentType, EventId, LogId, Payload, Result, Snapshot, SnapshotKey, SnapshotStore, Timestamp,
    Version,
};
use es_redis::{Command, Redis, Reply, Script};
use uuid::Uuid;

use crate::{
    error::{damaged, from_redis},
    options::RedisOptions,
};

static LOAD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("snapshots/load.lua")));
static SAVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("snapshots/save.lua")));

/// Snapshots in Redis. Cloning it copies the handle.
///
/// They are kept until they are deleted, or with
/// [`with_time_to_live`](RedisSnapshotStore::with_time_to_live) until they have not been saved
/// for a while. In a cluster they are spread over all slots.
///
/// ```no_run
/// use std::time::Duration;
///
/// use es_core::{SnapshotKey, SnapshotStore, StreamId};
/// use es_store_redis::RedisSnapshotStore;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> es_core::Result<()> {
/// let snapshots = RedisSnapshotStore::open("redis://localhost")
///     .await?
///     .with_time_to_live(Duration::from_secs(7 * 86_400));
/// // `Repository::with_snapshots` takes it; by hand:
/// let alice = SnapshotKey::new(StreamId::new("account", "alice")?, 0x5eed);
/// assert!(snapshots.load(&alice).await?.is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisSnapshotStore {
    redis: Redis,
    name: String,
    time_to_live: Duration,
}

impl RedisSnapshotStore {
    /// Opens the snapshots `es` in the Redis at `url`. That may be one which forgets keys
    /// when it is full: a snapshot is only a cache.
    ///
    /// # Errors
    /// `Invalid` when the URL makes no sense, `Unavailable` when Redis cannot be reached.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing open.
    pub async fn open(url: &str) -> Result<Self> {
        Self::open_with(url, RedisOptions::new()).await
    }

    /// The same as `options` say; each name has snapshots of its own.
    ///
    /// # Errors
    /// Those of [`RedisSnapshotStore::open`].
    ///
    /// # Cancel safety
    /// That of [`RedisSnapshotStore::open`].
    pub async fn open_with(url: &str, options: RedisOptions) -> Result<Self> {
        let redis = Redis::connect(url, options.link()).await.map_err(from_redis)?;
        Ok(Self { redis, name: options.name, time_to_live: Duration::ZERO })
    }

    /// The same, forgetting a snapshot when it has not been saved again for so long; whole
    /// milliseconds, and 0 for never.
    #[must_use]
    pub const fn with_time_to_live(mut self, time: Duration) -> Self {
        self.time_to_live = time;
        self
    }

    fn key(&self, key: &SnapshotKey) -> String {
        format!("{}:snapshot:{key}", self.name)
    }
}

#[async_trait]
impl SnapshotStore for RedisSnapshotStore {
    async fn load(&self, key: &SnapshotKey) -> Result<Option<Snapshot>> {
        let reply = self.redis.command(LOAD.on([self.key(key)])).await.map_err(from_redis)?;
        let outer = reply.array("a snapshot").map_err(from_redis)?.into_iter().next();
        let mut parts =
            outer.unwrap_or(Reply::Nil).array("a snapshot").map_err(from_redis)?.into_iter();
        let mut part = || parts.next().ok_or_else(|| damaged("a snapshot that ends early"));
        let log = part()?;
        if log.is_nil() {
            return Ok(None);
        }
        let text = |reply: Reply| reply.text("a field of a snapshot").map_err(from_redis);
        let uuid = |reply: Reply| Uuid::parse_str(&text(reply)?).map_err(damaged);
        let log = LogId::from_uuid(uuid(log)?);
        let version = Version::new(text(part()?)?.parse().map_err(damaged)?)?;
        let event = EventId::from_uuid(uuid(part()?)?);
        let taken_at = Timestamp::from_micros(text(part()?)?.parse().map_err(damaged)?);
        let content_type = ContentType::new(text(part()?)?)?;
        let state = part()?.bytes("the state of a snapshot").map_err(from_redis)?;
        let state = Payload::stored(content_type, state);
        let mut snapshot = Snapshot::new(key.clone(), version, event, log, state);
        snapshot.taken_at = taken_at;
        Ok(Some(snapshot))
    }

    async fn save(&self, snapshot: Snapshot) -> Result<()> {
        let milliseconds = u64::try_from(self.time_to_live.as_millis()).unwrap_or(u64::MAX);
        let command = SAVE
            .on([self.key(&snapshot.key)])
            .arg(snapshot.log.to_string())
            .arg(snapshot.version.get())
            .arg(snapshot.event.to_string())
            .arg(snapshot.taken_at.as_micros())
            .arg(snapshot.state.content_type().as_str().to_owned())
            .arg(snapshot.state.bytes())
            // A century: what is longer would overflow in the server.
            .arg(milliseconds.min(100 * 365 * 86_400_000));
        self.redis.command(command).await.map(drop).map_err(from_redis)
    }

    async fn delete(&self, key: &SnapshotKey) -> Result<()> {
        let command = Command::new("DEL").key(self.key(key));
        self.redis.command(command).await.map(drop).map_err(from_redis)
    }
}

impl Debug for RedisSnapshotStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSnapshotStore").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Display for RedisSnapshotStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}:snapshot", self.redis, self.name)
    }
}
