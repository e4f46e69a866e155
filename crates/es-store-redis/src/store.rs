//! The store: a handle on the connections, and the port.

use std::{
    fmt::{self, Debug, Display},
    sync::{Arc, OnceLock},
    time::Instant,
};

use async_trait::async_trait;
use es_core::{
    AppendRequest, Capabilities, Durability, Error, ErrorKind, EventStore, FoldStream, Head,
    Invalid, LogId, PageStream, Position, Read, Receipt, Result,
};
use es_redis::Redis;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::JoinHandle,
};

use crate::{
    append::{Appender, too_late},
    error::{closed, from_redis, within},
    observe::{Gauges, committed},
    open::{self, Server},
    options::RedisOptions,
    read::{Source, fold_pages, pages},
    wait::listen,
};

/// The furthest position that a log goes on behind. A script counts to 2^53 exactly, and what
/// is left between them is more than any log fills.
const FURTHEST: u64 = 1 << 52;

/// A log of events in Redis. Cloning it copies the handle.
///
/// It keeps the whole contract of [`EventStore`] as long as the server keeps its data, with
/// any number of processes on the same log; what the server can lose is said by
/// [`EventStore::durability`] and in `docs/redis.md`. A log that was wiped, replaced or
/// rolled back is answered by `LogDiverged`, never papered over. It works on the Tokio
/// runtime that it was opened on.
///
/// ```no_run
/// use es_core::{Append, ExpectedVersion, NewEvent, Payload, Schema, Store, StreamId};
/// use es_store_redis::RedisStore;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Store::new(RedisStore::open("redis://localhost").await?);
/// let opened = NewEvent::raw(Schema::from_static("account.opened", 1), Payload::json("Alice")?);
/// let alice = StreamId::new("account", "alice")?;
/// store.append(Append::to(alice, ExpectedVersion::NoStream).event(opened)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStore {
    inner: Arc<Inner>,
}

struct Inner {
    source: Arc<Source>,
    appender: Appender,
    room: Arc<Semaphore>,
    _gauges: Option<Arc<Gauges>>,
    options: RedisOptions,
    listener: OnceLock<JoinHandle<()>>,
}

impl RedisStore {
    /// Opens the log `es` on the Redis at `url`, and makes it if it is not there.
    ///
    /// The URL is `redis://user:password@host:port/database`, `redis-cluster://…` for a
    /// cluster, `redis-sentinel://host:port?sentinelServiceName=NAME` for one behind
    /// sentinels, with more hosts as `&node=host:port`; `rediss` in their place for TLS, with
    /// the feature `tls`.
    ///
    /// # Errors
    /// `Unavailable` when the server cannot be reached or is a replica; `Invalid` when it
    /// refuses the user, or may evict parts of the log; `Unsupported` when it is older than
    /// 7.0, or when a newer release made the log.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing open; the log may be there or not.
    pub async fn open(url: &str) -> Result<Self> {
        Self::open_with(url, RedisOptions::new()).await
    }

    /// Opens the log on the Redis at `url` as `options` say.
    ///
    /// # Errors
    /// Those of [`RedisStore::open`].
    ///
    /// # Cancel safety
    /// That of [`RedisStore::open`].
    pub async fn open_with(url: &str, options: RedisOptions) -> Result<Self> {
        let redis = Redis::connect(url, options.link()).await.map_err(from_redis)?;
        Server::ask(&redis, &options.keys().meta).await?.check(&redis.to_string(), &options)?;
        let head = open::open(&redis, &options.keys()).await?;
        Self::on(redis, options, head).await
    }

    /// The store on a log that was opened.
    pub(crate) async fn on(redis: Redis, options: RedisOptions, head: Head) -> Result<Self> {
        let source = Arc::new(Source::new(redis, options.keys(), head));
        let appender = Appender::new(Arc::clone(&source), options.command_timeout);
        source.redis.load(&appender.script).await.map_err(from_redis)?;
        let most = options.queue.min(Semaphore::MAX_PERMITS);
        let room = Arc::new(Semaphore::new(most));
        let gauges = options.observer.as_ref().map(|observer| {
            let name = format!("{} ({})", source.redis, options.name);
            Gauges::watched_by(observer, name, &room, most)
        });
        let listener = OnceLock::new();
        let inner = Inner { source, appender, room, _gauges: gauges, options, listener };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Lets the log at `url` go on after its server has lost events, or all of them: under a
    /// new identity, and with its next position behind `beyond`. For an operator, once it is
    /// clear that what is lost stays lost.
    ///
    /// Say as `beyond` the highest position that anybody has ever been told: by a receipt, a
    /// checkpoint, a `LogDiverged` that says where a reader was. Then no position is ever given
    /// to two events; those that were lost stay free. What is left of the log is kept, and
    /// whoever still has the log of before is told `LogDiverged` and opens it again.
    ///
    /// # Errors
    /// Those of [`RedisStore::open`], and `Invalid` for a position beyond 2^52: Redis counts to
    /// 2^53, and the log needs room to go on.
    ///
    /// # Cancel safety
    /// It is done or not; done twice, the log has another identity once more.
    pub async fn continue_after_loss(
        url: &str,
        options: RedisOptions,
        beyond: Position,
    ) -> Result<Head> {
        countable(beyond)?;
        let redis = Redis::connect(url, options.link()).await.map_err(from_redis)?;
        Server::ask(&redis, &options.keys().meta).await?.check(&redis.to_string(), &options)?;
        let head = open::go_on(&redis, &options.keys(), beyond).await?;
        tracing::warn!(redis = %redis, log = %head.log, at = %head.position, "the log goes on after a loss");
        Ok(head)
    }

    /// The log that this store has.
    #[must_use]
    pub fn log(&self) -> LogId {
        self.inner.source.log
    }

    /// Waits for room among the appends on their way, or does not.
    async fn room(&self, until: Instant) -> Result<SemaphorePermit<'_>> {
        let room = &self.inner.room;
        if self.inner.options.refuse_when_full {
            return room.try_acquire().map_err(|_| {
                let message = "the queue of appends is full: nothing was written";
                Error::new(ErrorKind::Busy, message)
            });
        }
        match tokio::time::timeout_at(until.into(), room.acquire()).await {
            Ok(permit) => permit.map_err(|_| closed()),
            Err(_) => Err(too_late()),
        }
    }
}

/// Whether a script can count on from a position.
pub(crate) fn countable(beyond: Position) -> Result<()> {
    if beyond.get() <= FURTHEST {
        return Ok(());
    }
    let (setting, value) = ("the position to continue behind", beyond.to_string());
    let remedy = "name one that was given; they are far below 2^52";
    Err(Invalid::Setting { setting, value, remedy }.into())
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(listener) = self.listener.get() {
            listener.abort();
        }
    }
}

#[async_trait]
impl EventStore for RedisStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        let until = within(append.deadline().unwrap_or(self.inner.options.patience));
        let observer = self.inner.options.observer.as_ref();
        let since = observer.map(|_| Instant::now());
        let _room = self.room(until).await?;
        let begun = observer.map(|_| Instant::now());
        let answer = self.inner.appender.append(append, until).await;
        if let (Some(observer), Some(since), Some(begun)) = (observer, since, begun) {
            committed(observer, since, begun, &answer);
        }
        answer
    }

    fn read(&self, read: Read) -> PageStream {
        pages(Arc::clone(&self.inner.source), read)
    }

    fn read_to_fold(&self, read: Read) -> FoldStream {
        fold_pages(Arc::clone(&self.inner.source), read)
    }

    async fn head(&self) -> Result<Head> {
        self.inner.source.head().await
    }

    async fn wait(&self, after: Position) -> Result<Head> {
        let (source, poll) = (&self.inner.source, self.inner.options.poll_interval);
        self.inner.listener.get_or_init(|| tokio::spawn(listen(Arc::downgrade(source), poll)));
        let mut published = source.published.subscribe();
        loop {
            published.borrow_and_update();
            let head = source.head().await?;
            if head.position != after || head.log != source.log {
                // Grown, or shorter than it was: whoever waits must know.
                return Ok(head);
            }
            // Whether it was woken or the interval is over, it looks.
            drop(tokio::time::timeout(poll, published.changed()).await);
        }
    }

    async fn durability(&self) -> Result<Durability> {
        let source = &self.inner.source;
        Ok(Server::ask(&source.redis, &source.keys.meta).await?.durability())
    }
}

impl Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("at", &self.inner.source.redis)
            .field("log", &self.inner.source.log)
            .finish_non_exhaustive()
    }
}

/// Where it is, without user and password.
impl Display for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.inner.source.redis, self.inner.options.name)
    }
}
