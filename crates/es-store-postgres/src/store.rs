//! The store: a handle on the pool and the tasks, and the port.

use std::{
    fmt::{self, Debug, Display},
    sync::{Arc, OnceLock, atomic::AtomicU64},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use deadpool_postgres::Pool;
use es_core::{
    Append, AppendIn, AppendRequest, Capabilities, Durability, Error, ErrorKind, EventStore,
    FoldStream, Head, Invalid, LogId, PageStream, Position, Read, Receipt, Result,
};
use futures_util::TryStreamExt;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::JoinHandle,
};
use tokio_postgres::{Client, Config, GenericClient};

use crate::{
    append::{Looked, Odds, Pending, Sender, Slots, Statements, append_in, lock_in, too_late},
    connect::Connections,
    durability::durability,
    error::closed,
    migrate,
    names::Names,
    observe::Gauges,
    options::PostgresOptions,
    progress::PgTx,
    read::{Families, Lane, Reader, Sql, fold, head, pages},
    replica::{ReplicaLag, lag},
    trace,
    url::target,
    wait::{Heard, listen, notify},
};

/// A condition that reaches further back than this many events is looked at before the
/// append, outside of its lock.
const LOOK_AHEAD: u64 = 1_000;

/// A log of events in PostgreSQL. Cloning it copies the handle.
///
/// It keeps the whole contract of [`EventStore`], with any number of processes on the same
/// log: positions are dense and grow in the order of the commits, whatever other
/// transactions do. Appends that arrive while others are on their way share the next call
/// and its commit. It works on the Tokio runtime that it was opened on.
///
/// ```no_run
/// use es_core::{Append, ExpectedVersion, NewEvent, Payload, Schema, Store, StreamId};
/// use es_store_postgres::PostgresStore;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Store::new(PostgresStore::open("postgres://me@localhost/bank").await?);
/// let opened = NewEvent::raw(Schema::from_static("account.opened", 1), Payload::json("Alice")?);
/// let alice = StreamId::new("account", "alice")?;
/// store.append(Append::to(alice, ExpectedVersion::NoStream).event(opened)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresStore {
    inner: Arc<Inner>,
}

struct Inner {
    names: Names,
    log: LogId,
    place: String,
    connections: Connections,
    reader: Arc<Reader>,
    statements: Arc<Statements>,
    sender: Arc<Sender>,
    queue: mpsc::UnboundedSender<Pending>,
    room: Arc<Semaphore>,
    /// Whoever measures holds it weakly.
    _gauges: Option<Arc<Gauges>>,
    refuse_when_full: bool,
    patience: Duration,
    poll_interval: Duration,
    published: Arc<watch::Sender<Position>>,
    heard: Arc<Heard>,
    /// What to listen on, and the task that does once somebody waits.
    listen: Option<Config>,
    listener: OnceLock<JoinHandle<()>>,
    notifier: JoinHandle<()>,
    /// Makes partitions before they are needed.
    maker: Option<JoinHandle<()>>,
}

impl PostgresStore {
    /// Opens the log in the database at `url`, and makes its tables if they are not there.
    ///
    /// The URL is that of libpq: `postgres://user:password@host:port/database`, several
    /// hosts for a primary with standbys (`target_session_attrs=read-write` among them).
    /// With `sslmode=require` or `verify-full`, which mean the same, and the feature `tls`, all
    /// of it goes over TLS, and the certificate and the name of the server are checked;
    /// without either, nothing does. `sslrootcert`, `sslcert` and `sslkey` name files in PEM:
    /// whom to trust, and the certificate of this client with its key.
    /// `transaction_pooler=true` is
    /// [`with_transaction_pooler`](PostgresOptions::with_transaction_pooler).
    ///
    /// # Errors
    /// `Unavailable` when the server cannot be reached; `Invalid` when it refuses the user or
    /// the certificate of the client, when its own is not trusted or is of another name, when
    /// the tables were altered or the role may not make them; `Unsupported` when a newer
    /// release made them, or for a pooler that forgets prepared statements.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing open; the tables may be there, whole, or not.
    pub async fn open(url: &str) -> Result<Self> {
        Self::open_with(url, PostgresOptions::new()).await
    }

    /// Opens the log in the database at `url` as `options` say.
    ///
    /// # Errors
    /// Those of [`PostgresStore::open`].
    ///
    /// # Cancel safety
    /// That of [`PostgresStore::open`].
    pub async fn open_with(url: &str, options: PostgresOptions) -> Result<Self> {
        let (config, options) = target(url, &options)?;
        let connections = Connections::to(&config, &options)?;
        let place = place(&config);
        Self::start(connections, options.listens().then_some(config), place, &options).await
    }

    /// Opens the log through a pool that is the caller's: it is used and never closed. The
    /// store keeps one of its connections, and up to three where it has four or more. It does
    /// not listen, since no pool can: those who wait look at every poll interval.
    ///
    /// # Errors
    /// Those of [`PostgresStore::open`], and `Invalid` for a pool of one connection.
    ///
    /// # Cancel safety
    /// That of [`PostgresStore::open`].
    pub async fn with_pool(pool: Pool, options: PostgresOptions) -> Result<Self> {
        let connections = Connections::of(pool, &options);
        if connections.most() < 2 {
            let (setting, value) = ("the connections of a pool", connections.most().to_string());
            let remedy = "one appends and is kept, so allow 2 or more";
            return Err(Invalid::Setting { setting, value, remedy }.into());
        }
        Self::start(connections, None, "postgres: (a pool)".to_owned(), &options).await
    }

    /// How far the standby that this store is opened on is behind its primary; `None` on a
    /// primary.
    ///
    /// # Errors
    /// `Busy`, `Unavailable` or `Fault`.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn replica_lag(&self) -> Result<Option<ReplicaLag>> {
        lag(&self.inner.connections).await
    }

    async fn start(
        connections: Connections,
        listen: Option<Config>,
        place: String,
        options: &PostgresOptions,
    ) -> Result<Self> {
        let (client, names, log) = migrate::ready(&connections, options).await?;
        let sql = Sql::new(&names);
        let (published, changes) =
            watch::channel(head(&client, connections.sent(), &sql.head).await?.position);
        drop(client);
        let published = Arc::new(published);
        let statements = Arc::new(Statements::new(&names));
        let (queue, pending) = mpsc::unbounded_channel();
        let sender = Sender {
            connections: connections.clone(),
            statements: Arc::clone(&statements),
            log,
            published: Arc::clone(&published),
            patience: options.connect_timeout,
            slots: Slots::of(connections.most()),
            observer: options.observer.clone(),
            made: AtomicU64::new(0),
            odds: Odds::of(connections.sent(), &names),
        };
        let sender = Arc::new(sender);
        let runner = Arc::clone(&sender);
        tokio::spawn(async move { runner.run(pending).await });
        let maker = names.layout().is_partitioned.then(|| {
            tokio::spawn(migrate::keep_ahead(connections.clone(), names.clone(), changes.clone()))
        });
        let heard = Arc::<Heard>::default();
        let telling = notify(connections.clone(), names.clone(), changes, Arc::clone(&heard));
        let notifier = tokio::spawn(telling);
        let families = Families::default();
        let (lane, told) = (Lane::default(), AtomicU64::new(0));
        let reader = Reader { connections: connections.clone(), families, sql, lane, told };
        let reader = Arc::new(reader);
        let room = Arc::new(Semaphore::new(options.queue));
        let gauges = options.observer.as_ref().map(|observer| {
            let name = format!("{place} {}", names.qualified());
            Gauges::watched_by(observer, name, connections.clone(), &room, options.queue)
        });
        let inner = Inner {
            names,
            log,
            place,
            connections,
            reader,
            statements,
            sender,
            queue,
            room,
            _gauges: gauges,
            refuse_when_full: options.refuse_when_full,
            patience: options.patience,
            poll_interval: options.poll_interval,
            published,
            heard,
            listen,
            listener: OnceLock::new(),
            notifier,
            maker,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Appends within a transaction that is the caller's: events and rows of their own
    /// commit together, or not at all. `client` is that transaction, or a connection that
    /// is in one.
    ///
    /// The appends of everybody else wait from here until the transaction ends, so let
    /// little follow, and give the connection an `idle_in_transaction_session_timeout`.
    /// Followers learn of it at their next look. A refusal (a conflict, a condition, a
    /// clash) leaves the transaction usable. At REPEATABLE READ and SERIALIZABLE, append
    /// before anything else.
    ///
    /// # Errors
    /// Those of [`EventStore::append`], and `Busy` when the transaction cannot see the
    /// whole log, because it began too early; then run it again. After any error that
    /// comes from the server the transaction can only be rolled back.
    ///
    /// # Cancel safety
    /// Whatever was written is part of the transaction; roll it back.
    pub async fn append_in(
        &self,
        client: &(impl GenericClient + Sync),
        append: Append,
    ) -> Result<Receipt> {
        let request = append.build()?;
        self.append_within(client, &request).await
    }

    async fn append_within(
        &self,
        client: &(impl GenericClient + Sync),
        request: &AppendRequest,
    ) -> Result<Receipt> {
        let Inner { connections, statements, log, .. } = &*self.inner;
        append_in(client, connections, statements, *log, request).await
    }

    /// Waits for room in the queue, or does not.
    async fn room(&self, until: Instant) -> Result<OwnedSemaphorePermit> {
        let room = Arc::clone(&self.inner.room);
        if self.inner.refuse_when_full {
            return room.try_acquire_owned().map_err(|_| {
                let message = "the queue of appends is full: nothing was written";
                Error::new(ErrorKind::Busy, message)
            });
        }
        match tokio::time::timeout_at(until.into(), room.acquire_owned()).await {
            Ok(permit) => permit.map_err(|_| closed()),
            Err(_) => {
                let message = "the deadline of the append passed while the queue was full: \
                               nothing was written";
                Err(Error::new(ErrorKind::Busy, message))
            }
        }
    }

    /// Looks for what the conditions of an append exclude, where that may lie far back, up to
    /// the head: so that little is left to look at under the lock.
    ///
    /// That head is asked for: one that was heard of may have been lost since with the server
    /// that had it.
    async fn look_ahead(&self, request: &AppendRequest) -> Result<Vec<Looked>> {
        let known = *self.inner.published.borrow();
        let is_far = |after: Position| known.get().saturating_sub(after.get()) > LOOK_AHEAD;
        if !request.unless().iter().any(|unless| is_far(unless.after)) {
            return Ok(Vec::new());
        }
        let head = self.head_now().await?.position;
        let mut looked = Vec::with_capacity(request.unless().len());
        for unless in request.unless() {
            if !is_far(unless.after) {
                looked.push(Looked::Not);
                continue;
            }
            let read = Read::all().matching(unless.query.clone()).after(unless.after);
            let read = match request.tenant() {
                Some(tenant) => read.tenant(tenant.clone()),
                None => read,
            };
            let read = read.until(head).backward().limit(1);
            let pages = pages(Arc::clone(&self.inner.reader), read);
            let events: Vec<_> = pages.try_concat().await?;
            looked.push(match events.first() {
                Some(event) => Looked::Found(event.position),
                None => Looked::NothingUpTo(head),
            });
        }
        Ok(looked)
    }

    async fn head_now(&self) -> Result<Head> {
        let Inner { connections, reader, .. } = &*self.inner;
        let mut is_again = false;
        loop {
            let client = connections.get().await?;
            let asked = head(&client, connections.sent(), &reader.sql.head);
            let Ok(head) = tokio::time::timeout(connections.patience(), asked).await else {
                client.close();
                return Err(connections.silent(connections.patience()));
            };
            let is_cut = client.is_closed();
            drop(client.answered());
            match head {
                Ok(head) => {
                    reader.told(head.position);
                    return Ok(head);
                }
                Err(error) if error.is_temporary() && is_cut && !is_again => is_again = true,
                Err(error) => return Err(error),
            }
        }
    }

    /// Begins to listen for other processes, once somebody waits.
    fn listen(&self) {
        if let Some(config) = &self.inner.listen {
            self.inner.listener.get_or_init(|| {
                let published = Arc::clone(&self.inner.published);
                let heard = Arc::clone(&self.inner.heard);
                let tls = (self.inner.connections.tls(), self.inner.connections.patience());
                let names = self.inner.names.clone();
                tokio::spawn(listen(config.clone(), tls, names, published, heard))
            });
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.notifier.abort();
        if let Some(maker) = &self.maker {
            maker.abort();
        }
        if let Some(listener) = self.listener.get() {
            listener.abort();
        }
    }
}

impl AppendIn<PgTx> for PostgresStore {
    async fn append_in_tx(&self, tx: &mut PgTx, request: &AppendRequest) -> Result<Receipt> {
        let client: &Client = tx;
        self.append_within(client, request).await
    }

    async fn lock_in_tx(&self, tx: &mut PgTx) -> Result<()> {
        let Inner { statements, log, .. } = &*self.inner;
        let client: &Client = tx;
        lock_in(client, statements, *log).await.map(drop)
    }
}

#[async_trait]
impl EventStore for PostgresStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        let begun = Instant::now();
        let until = within(append.deadline().unwrap_or(self.inner.patience));
        let made = self.inner.sender.made();
        let looked = match append.unless() {
            [] => Vec::new(),
            _ => match tokio::time::timeout_at(until.into(), self.look_ahead(&append)).await {
                Ok(looked) => looked?,
                Err(_) => return Err(too_late()),
            },
        };
        let place = self.room(until).await?;
        let events = append.event_count();
        let submitted = Pending::new(append, (made, looked), (begun, until), place);
        let sent = self.inner.sender.append(&self.inner.queue, submitted);
        let sent = trace::within(self.inner.connections.target().append(events), sent).await;
        if let Ok(receipt) = &sent {
            self.inner.reader.told(receipt.last);
        }
        sent
    }

    fn read(&self, read: Read) -> PageStream {
        pages(Arc::clone(&self.inner.reader), read)
    }

    fn read_to_fold(&self, read: Read) -> FoldStream {
        fold(Arc::clone(&self.inner.reader), read)
    }

    async fn head(&self) -> Result<Head> {
        self.head_now().await
    }

    async fn wait(&self, after: Position) -> Result<Head> {
        self.listen();
        let mut published = self.inner.published.subscribe();
        loop {
            let heard = *published.borrow_and_update();
            let head = self.head_now().await?;
            if head.position < heard {
                // The end that was heard of is lost with its server. Until the log is as long
                // again, appends would wake nobody.
                self.inner.heard.forget();
                self.inner.published.send_if_modified(|known| {
                    let is_same = *known == heard;
                    *known = if is_same { head.position } else { *known };
                    is_same
                });
            }
            if head.position > after || head.log != self.inner.log {
                return Ok(head);
            }
            if head.position < after {
                // The log is shorter than it was: whoever waits must know.
                return Ok(head);
            }
            // Whether it was woken or the interval is over, it looks.
            let looked = tokio::time::timeout(self.inner.poll_interval, published.changed());
            if let Ok(Err(_)) = looked.await {
                return Err(closed());
            }
        }
    }

    async fn durability(&self) -> Result<Durability> {
        durability(&self.inner.connections).await
    }
}

impl Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("place", &self.inner.place)
            .field("log", &self.inner.log)
            .finish_non_exhaustive()
    }
}

impl Display for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.inner.place, self.inner.names.qualified())
    }
}

/// The moment that lies so far ahead; a deadline that no clock reaches is a year.
fn within(time: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    Instant::now() + time.min(YEAR)
}

/// Where the database is, without user and password.
fn place(config: &Config) -> String {
    let hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .map(|host| match host {
            tokio_postgres::config::Host::Tcp(host) => host.clone(),
            #[cfg(unix)]
            tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
        })
        .collect();
    format!("postgres://{}/{}", hosts.join(","), config.get_dbname().unwrap_or_default())
}
