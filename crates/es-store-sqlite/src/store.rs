//! The store: a handle on the threads that have the connections, and the port.

use std::{
    fmt::{self, Debug, Display},
    path::Path,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use es_core::{
    AppendIn, AppendRequest, Capabilities, Durability, Error, ErrorKind, EventStore, FoldStream,
    Head, LogId, PageStream, Position, Read, Receipt, Result,
};
use tokio::sync::{Semaphore, oneshot, watch};

use crate::{
    append::{self, Attempt, Command, Desk, Pen, Pending, QueueGauge},
    backup::{self, Wanted},
    clock::Clock,
    error::{closed, unanswered},
    near::Near,
    open::{self, Original, Place},
    options::{SqliteOptions, Synchronous, WhenFull},
    progress::SqliteTx,
    read::{Events, Fold, head},
    readers::{Fetch, Job, Readers, end, spawn},
    trace,
    wal::Carrier,
    watch::{Waiting, Watcher},
    worker,
};

/// A log of events in one SQLite file. Cloning it copies the handle.
///
/// It keeps the whole contract of [`EventStore`], with several processes on the same file.
/// Appends that arrive while one commits share the next commit. A caller that is alone writes
/// for itself where its runtime has several threads: then its future waits for the disk in one
/// poll, in which it cannot be dropped. When the last handle, read
/// and wait goes, what was accepted is finished first; that takes a moment of the thread
/// that drops it.
///
/// ```
/// use es_core::{Append, ExpectedVersion, NewEvent, Payload, Read, Schema, Store, StreamId};
/// use es_store_sqlite::SqliteStore;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("bank.db");
/// let store = Store::new(SqliteStore::open(&path).await?);
/// let opened = NewEvent::raw(Schema::from_static("account.opened", 1), Payload::json("Alice")?);
/// let alice = StreamId::new("account", "alice")?;
/// store.append(Append::to(alice.clone(), ExpectedVersion::NoStream).event(opened)).await?;
/// drop(store);
///
/// let again = Store::new(SqliteStore::open(&path).await?);
/// assert_eq!(again.read(Read::stream(alice)).into_vec().await?.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    place: Place,
    log: LogId,
    /// What SQLite calls the file; nothing in memory.
    path: Option<String>,
    /// What is copied in a backup; nothing in memory.
    original: Option<Original>,
    synchronous: Synchronous,
    when_full: WhenFull,
    patience: Duration,
    queue: Arc<Semaphore>,
    clock: Clock,
    /// Whoever measures holds it weakly.
    _gauge: Option<Arc<QueueGauge>>,
    published: Arc<watch::Sender<Position>>,
    // Dropped in this order: those who read go first, then the writer finishes.
    watcher: Option<Watcher>,
    readers: Option<Readers>,
    writer: Writer,
}

/// The thread that writes.
struct Writer {
    desk: Arc<Desk>,
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl SqliteStore {
    /// Opens the log in the file at `path`, and makes both if they are not there.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be opened; `Invalid` when it is no database, that
    /// of another program, read-only, or has an altered schema; `Unsupported` when a newer
    /// release wrote it or its disk cannot have a write-ahead log; `Busy` when another
    /// process holds it for too long; `Fault` when it is damaged. In each case the file is
    /// as it was.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing open; a new file may be there, empty or whole.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, SqliteOptions::new()).await
    }

    /// Opens the log in the file at `path` as `options` say.
    ///
    /// # Errors
    /// Those of [`SqliteStore::open`].
    ///
    /// # Cancel safety
    /// That of [`SqliteStore::open`].
    pub async fn open_with(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self> {
        Self::start(Place::File(path.as_ref().to_owned()), options).await
    }

    /// A new log in the memory of the process, which ends with its last handle. It has one
    /// connection, which reads and writes in turn.
    ///
    /// # Errors
    /// `Fault` when there is no memory or no thread to be had.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    pub async fn in_memory() -> Result<Self> {
        Self::start(Place::Memory, SqliteOptions::new()).await
    }

    /// Appends inside a transaction that the caller has begun on the file of this log, and
    /// that the caller ends: a [`SqliteTx`](crate::SqliteTx), or one on a connection of the
    /// caller's own. Events and rows commit together or not at all, so such a read model is
    /// never behind.
    ///
    /// The receipt holds once the transaction commits; until then nobody sees the events, and
    /// other appends wait. Those who follow see them within the poll interval of this store.
    /// The deadline of the request means nothing here. A checkpoint that is moved to the
    /// receipt says that everything before it was handled as well. The `synchronous` of the
    /// connection must be that of this store or more, and a transaction of your own should begin
    /// with `BEGIN IMMEDIATE`.
    ///
    /// ```
    /// # use es_core::{Append, CheckpointStore, ExpectedVersion, NewEvent, Owner, Payload, Progress};
    /// # use es_core::{EventStore, ReadModel, Schema, StreamId, SubscriberName};
    /// # use es_store_sqlite::{SqliteReadModel, SqliteStore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("bank.db");
    /// let store = SqliteStore::open(&path).await?;
    /// let model = SqliteReadModel::open(&path).await?;
    /// # model.write(|db| db.execute_batch("CREATE TABLE accounts (owner TEXT)")).await?;
    /// # let (name, log) = (SubscriberName::new("accounts")?, store.head().await?.log);
    /// # let checkpoint = model.claim(&name, log, &Owner::new("worker-1")).await?;
    /// # let event = NewEvent::raw(Schema::from_static("account.opened", 1), Payload::json("Alice")?);
    /// # let alice = StreamId::new("account", "alice")?;
    /// let request = Append::to(alice, ExpectedVersion::NoStream).event(event).build()?;
    ///
    /// let tx = model.begin().await?;
    /// let receipt = store.append_in(&tx, &request)?;
    /// tx.execute("INSERT INTO accounts VALUES (?1)", ["Alice"])?;
    /// model.commit(tx, &Progress::from(&checkpoint, receipt.last)).await?;
    /// assert_eq!(store.head().await?.position, receipt.last);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`EventStore::append`], and nothing of the request was written then: the
    /// transaction can go on, unless SQLite has rolled back all of it by itself, as it may on a disk
    /// that is full or fails. A `SqliteTx` is refused from there on; on a connection of your own, end
    /// there when `is_autocommit` says so, or what you write next commits statement by statement.
    /// `Invalid` when the transaction is on another database, is over, or would commit with
    /// less durability than this log promises.
    pub fn append_in(
        &self,
        transaction: &rusqlite::Connection,
        request: &AppendRequest,
    ) -> Result<Receipt> {
        let Inner { log, path, synchronous, .. } = &*self.inner;
        append::inside(transaction, (*log, path.as_deref()), *synchronous, request)
    }

    /// Copies the log, as of one moment, to the new file `to`, while reading and writing go
    /// on. What else is in the file, read models and snapshots, is copied as of the same
    /// moment.
    ///
    /// **The copy has the identity of this log**, so that checkpoints and read models that
    /// are not ahead of it go on where they were (P7). It is there to take the place of
    /// the original. Never append to both: two logs of one identity that went separate ways
    /// cannot be told apart by those who follow them, but where a checkpoint names an event
    /// that is no longer there.
    ///
    /// # Errors
    /// `Invalid` when there is something at `to` already, which stays as it is, or when the file of
    /// this log is not where it was opened; `Unavailable` when the copy cannot be written or the
    /// disk is full; `Busy` when another process is in the way for too long; `Fault` when the log
    /// is damaged. Nothing is left behind.
    ///
    /// # Cancel safety
    /// Dropping the future ends the work soon; then there is a whole copy or nothing. Only a
    /// process that is killed leaves a file behind; its name ends with `.unfinished`.
    pub async fn backup(&self, to: impl AsRef<Path>) -> Result<()> {
        let target = to.as_ref().to_owned();
        let (wanted, _waits) = Wanted::new();
        match &self.inner.original {
            Some(original) => {
                let (original, patience) = (original.clone(), self.inner.patience);
                let head = *self.inner.published.borrow();
                worker::once(move || {
                    let mut connection = original.connect(head, patience)?;
                    backup::stop_when_unwanted(&mut connection, &wanted)?;
                    backup::copy(&connection, &target, &wanted)
                })
                .await
            }
            None => {
                let (reply, answer) = oneshot::channel();
                self.inner.submit(Box::new(move |connection, _| {
                    drop(reply.send(backup::copy(connection, &target, &wanted)));
                }));
                answer.await.map_err(|_| closed())?
            }
        }
    }

    async fn start(place: Place, options: SqliteOptions) -> Result<Self> {
        let inner = worker::once(move || Inner::open(place, &options)).await?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Waits for a place in the queue of the writer, but not for long, or not at all.
    async fn place_in_queue(
        &self,
        until: Option<Instant>,
    ) -> Result<tokio::sync::OwnedSemaphorePermit> {
        let queue = Arc::clone(&self.inner.queue);
        match self.inner.when_full {
            WhenFull::Wait => {
                let place = self.inner.clock.until(until, queue.acquire_owned()).await?;
                place.ok_or_else(append::too_late)?.map_err(|_| closed())
            }
            WhenFull::Refuse => queue.try_acquire_owned().map_err(|_| {
                let message = "the queue of the writer is full: nothing was written";
                Error::new(ErrorKind::Busy, message)
            }),
        }
    }
}

impl Inner {
    fn open(place: Place, options: &SqliteOptions) -> Result<Self> {
        let (mut connection, log) = open::writer(&place, options)?;
        let path = connection.path().filter(|path| !path.is_empty()).map(str::to_owned);
        let original = match &place {
            Place::Memory => None,
            Place::File(path) => Some(Original::new(&connection, path, log)),
        };
        let (published, _) = watch::channel(head(&connection)?);
        let published = Arc::new(published);
        let (readers, watcher) = match &place {
            Place::Memory => (None, None),
            Place::File(path) => {
                let connect = || open::reader(path, options);
                let readers = (0..options.readers).map(|_| connect()).collect::<Result<_>>()?;
                let theirs = Arc::clone(&published);
                let watcher = Watcher::start(connect()?, options.poll_interval, theirs)?;
                let near = (0..options.readers).map(|_| open::impatient(path, options));
                let near = Near::new(near.collect::<Result<_>>()?);
                (Some(Readers::start(near, readers)?), Some(watcher))
            }
        };
        let carrier = match &place {
            Place::Memory => None,
            Place::File(path) => {
                Some(Carrier::start(&mut connection, open::carrier(path, options)?)?)
            }
        };
        let (commands, receiver) = mpsc::channel();
        let (ours, patience) = (Arc::clone(&published), options.busy_timeout);
        let pen = Pen::new(connection, carrier, log, ours, options.observer.clone());
        let queue = Arc::new(Semaphore::new(options.queue));
        // The one connection of a log in memory reads as well, for which nobody holds a place.
        let callers_write = options.callers_write && !place.is_memory();
        let room = (Arc::clone(&queue), options.queue);
        let desk = Arc::new(Desk::new(pen, room, callers_write));
        let theirs = Arc::clone(&desk);
        let thread = spawn("es-sqlite-write".to_owned(), move || {
            append::run(&theirs, patience, &receiver);
        })?;
        let writer = Writer { desk, commands: Some(commands), thread: Some(thread) };
        let gauge = options.observer.as_ref().map(|observer| {
            QueueGauge::watched_by(observer, place.to_string(), &queue, options.queue)
        });
        Ok(Self {
            place,
            log,
            path,
            original,
            synchronous: options.synchronous,
            when_full: options.when_full,
            patience: options.busy_timeout,
            queue,
            clock: Clock::default(),
            _gauge: gauge,
            published,
            watcher,
            readers,
            writer,
        })
    }

    async fn head(&self) -> Result<Head> {
        if let Some(position) = self.near().and_then(|near| near.attempt(|it, _| head(it))) {
            return Ok(Head::new(self.log, position?));
        }
        let (reply, answer) = oneshot::channel();
        self.submit(Box::new(move |connection, _| drop(reply.send(head(connection)))));
        let position = answer.await.map_err(|_| closed())??;
        Ok(Head::new(self.log, position))
    }
}

impl Fetch for Inner {
    fn submit(&self, job: Job) {
        match &self.readers {
            Some(readers) => readers.submit(job),
            None => self.writer.send(Command::Job(job)),
        }
    }

    fn near(&self) -> Option<&Near> {
        self.readers.as_ref().and_then(Fetch::near)
    }

    fn file(&self) -> Option<&str> {
        self.path.as_deref()
    }
}

impl Writer {
    /// A command that cannot be taken any more is dropped, and its reply with it.
    fn send(&self, command: Command) {
        if let Some(commands) = &self.commands {
            drop(commands.send(command));
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            end(thread);
        }
    }
}

impl AppendIn<SqliteTx> for SqliteStore {
    async fn append_in_tx(&self, tx: &mut SqliteTx, request: &AppendRequest) -> Result<Receipt> {
        self.append_in(tx, request)
    }

    /// It holds the lock of the database from its beginning.
    async fn lock_in_tx(&self, tx: &mut SqliteTx) -> Result<()> {
        append::check_open(tx)
    }
}

#[async_trait]
impl EventStore for SqliteStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL.with_shared(!self.inner.place.is_memory())
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        let begun = Instant::now();
        let until = append.deadline().and_then(|time| begun.checked_add(time));
        let place = self.place_in_queue(until).await?;
        let looked = match &self.inner.readers {
            Some(readers) if !append.unless().is_empty() => {
                let head = *self.inner.published.borrow();
                let look = append::look(readers, &append, head);
                self.inner.clock.until(until, look).await?.ok_or_else(append::too_late)?
            }
            _ => Vec::new(),
        };
        let events = append.event_count();
        let (pending, answer) = Pending::new(append, looked, begun, place);
        let span = trace::append(self.inner.path.as_deref(), events);
        let answered = async {
            let pending = match self.inner.writer.desk.attempt(Box::new(pending)) {
                Attempt::ForTheThread(pending) => pending,
                Attempt::Done(result, gives_way) => {
                    if gives_way {
                        tokio::task::yield_now().await;
                    }
                    return result;
                }
            };
            self.inner.writer.send(Command::Append(pending));
            answer.await.map_or_else(|_| Err(unanswered()), |answer| answer.result)
        };
        trace::within(span, answered).await
    }

    fn read(&self, read: Read) -> PageStream {
        let fetch: Arc<dyn Fetch> = Arc::clone(&self.inner) as _;
        Box::pin(Events::new(fetch, read))
    }

    fn read_to_fold(&self, read: Read) -> FoldStream {
        let fetch: Arc<dyn Fetch> = Arc::clone(&self.inner) as _;
        Box::pin(Fold::new(fetch, read))
    }

    async fn head(&self) -> Result<Head> {
        self.inner.head().await
    }

    async fn wait(&self, after: Position) -> Result<Head> {
        // Listening begins before the look, so that nothing falls between the two.
        let _waiting: Option<Waiting> = self.inner.watcher.as_ref().map(Watcher::wait);
        let mut published = self.inner.published.subscribe();
        let head = self.inner.head().await?;
        if head.position > after {
            return Ok(head);
        }
        published.changed().await.map_err(|_| closed())?;
        self.inner.head().await
    }

    async fn durability(&self) -> Result<Durability> {
        Ok(match (&self.inner.place, self.inner.synchronous) {
            (Place::Memory, _) => Durability::volatile("SQLite in memory"),
            (_, Synchronous::Full) => Durability::full("journal_mode=WAL, synchronous=FULL"),
            (_, Synchronous::Normal) => {
                Durability::delayed(None, "journal_mode=WAL, synchronous=NORMAL")
            }
        })
    }
}

impl Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("place", &self.inner.place)
            .field("log", &self.inner.log)
            .finish_non_exhaustive()
    }
}

impl Display for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.inner.place, f)
    }
}
