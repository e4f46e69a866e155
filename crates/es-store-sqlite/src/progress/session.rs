//! The one connection of a model that writes: whose turn it is, and what may be committed.
//!
//! # Hazard
//! A transaction is in the hands of users, whose statements may end it: then rows would be
//! there without the checkpoint, and later ones would commit one by one.
//! # Mechanism
//! SQLite asks a hook before each commit. It refuses all but our own, and SQLite rolls back
//! instead; another hook notes each rollback, and whoever commits looks at that note.
//! # Why it is sound
//! Setting a hook takes a `&mut Connection`, and users get a `&Connection`. SQL that would
//! commit or roll back, in whatever words, goes through the hooks.
//! # What it costs
//! A call of a function per commit.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use es_core::{Error, ErrorKind, Result};
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    error::{closed, from_commit, from_driver},
    open::{self, PROGRESS, Place},
    options::SqliteOptions,
    worker::Worker,
};

/// What to do about a commit that failed on the disk.
const IN_DOUBT: &str = "SQLite failed while it committed rows and checkpoint: both are there or \
                        neither, and the checkpoint tells";

/// What a model's handles share.
pub(super) struct Session {
    pub(super) place: Place,
    options: SqliteOptions,
    /// One place: whose turn it is with the connection that writes.
    turns: Arc<Semaphore>,
    /// The connection that writes, while it is nobody's turn.
    idle: Mutex<Option<Guarded>>,
    /// Where it waits for locks and for the disk.
    writer: Worker<()>,
    /// Reads what is committed, as users ask; none in memory, where there is one connection only.
    reader: Option<Worker<Connection>>,
    /// The same for checkpoints and letters. Who asks for those may hold the lock that all others
    /// wait for, and must not wait behind what a user reads for long.
    ledger: Option<Worker<Connection>>,
}

/// A connection that nobody commits on but us.
struct Guarded {
    connection: Connection,
    guard: Arc<Guard>,
}

/// What the hooks know.
#[derive(Default)]
struct Guard {
    /// A commit is ours.
    may_commit: AtomicBool,
    /// Somebody else wanted to commit.
    refused: AtomicBool,
    /// The transaction was rolled back.
    rolled_back: AtomicBool,
}

/// The connection that writes, in the hands of the one whose turn it is.
pub(super) struct Turn {
    session: Arc<Session>,
    /// Taken when it is dropped, and never before.
    held: Option<Held>,
}

struct Held {
    guarded: Guarded,
    _turn: OwnedSemaphorePermit,
}

impl Session {
    pub(super) fn open(place: Place, options: SqliteOptions) -> Result<Self> {
        let connection = open::beside(&place, &PROGRESS, &options)?;
        let reads = |name| match &place {
            Place::Memory => Ok(None),
            Place::File(path) => Worker::start(name, open::reader(path, &options)?).map(Some),
        };
        let (reader, ledger) = (reads("es-sqlite-model-read")?, reads("es-sqlite-ledger")?);
        Ok(Self {
            place,
            options,
            turns: Arc::new(Semaphore::new(1)),
            idle: Mutex::new(Some(Guarded::new(connection).map_err(from_driver)?)),
            writer: Worker::start("es-sqlite-model-write", ())?,
            reader,
            ledger,
        })
    }

    /// Waits until it is the caller's turn; first come, first served.
    pub(super) async fn turn(self: &Arc<Self>) -> Result<Turn> {
        let turns = Arc::clone(&self.turns);
        let turn = turns.acquire_owned().await.map_err(|_| closed())?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        let held = Held { guarded: idle.ok_or_else(closed)?, _turn: turn };
        Ok(Turn { session: Arc::clone(self), held: Some(held) })
    }

    /// Has `work` done where waiting is no harm.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.ask(|()| work()).await
    }

    /// Reads what is committed, as of one moment. In memory it waits for its turn.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.read_by(self.reader.as_ref(), work).await
    }

    /// Reads checkpoints or letters in the same way, and not behind what users read.
    pub(super) async fn look<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.read_by(self.ledger.as_ref(), work).await
    }

    async fn read_by<T: Send + 'static>(
        self: &Arc<Self>,
        reader: Option<&Worker<Connection>>,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match reader {
            Some(reader) => reader.ask(|connection| at_one_moment(connection, work)).await,
            None => {
                let turn = self.turn().await?;
                self.ask(move || at_one_moment(turn.connection(), work)).await
            }
        }
    }

    /// Does `work` in a transaction of its own, and commits it.
    pub(super) async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = self.turn().await?;
        self.ask(move || {
            turn.begin()?;
            let result = work(turn.connection())?;
            turn.commit()?;
            Ok(result)
        })
        .await
    }

    fn take_back(&self, held: Held) {
        roll_back(&held.guarded.connection);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        *idle = Some(held.guarded);
    }
}

impl Guarded {
    fn new(mut connection: Connection) -> rusqlite::Result<Self> {
        let guard = Arc::new(Guard::default());
        let asked = Arc::clone(&guard);
        connection.commit_hook(Some(move || {
            let refuse = !asked.may_commit.load(Ordering::SeqCst);
            asked.refused.fetch_or(refuse, Ordering::SeqCst);
            refuse
        }))?;
        let told = Arc::clone(&guard);
        connection.rollback_hook(Some(move || told.rolled_back.store(true, Ordering::SeqCst)))?;
        Ok(Self { connection, guard })
    }
}

/// The driver frees hooks before SQLite rolls back what is open when it closes, which would
/// call a hook that is gone. So nothing is open then, and no hook is set.
impl Drop for Guarded {
    fn drop(&mut self) {
        roll_back(&self.connection);
        drop(self.connection.rollback_hook(None::<fn()>));
        drop(self.connection.commit_hook(None::<fn() -> bool>));
    }
}

impl Turn {
    pub(super) fn connection(&self) -> &Connection {
        &self.guarded().connection
    }

    pub(super) fn is_of(&self, session: &Arc<Session>) -> bool {
        Arc::ptr_eq(&self.session, session)
    }

    /// Takes the write lock, and waits for others who hold it.
    pub(super) fn begin(&self) -> Result<()> {
        let Guarded { connection, guard } = self.guarded();
        open::patiently(self.session.options.busy_timeout, || {
            run(connection, "BEGIN IMMEDIATE").map_err(from_driver)
        })?;
        guard.refused.store(false, Ordering::SeqCst);
        guard.rolled_back.store(false, Ordering::SeqCst);
        Ok(())
    }

    /// Says whether the transaction is still the one that was begun.
    pub(super) fn check(&self) -> Result<()> {
        let Guarded { connection, guard } = self.guarded();
        if guard.refused.load(Ordering::SeqCst) {
            return Err(Error::new(
                ErrorKind::Invalid,
                "a COMMIT inside the transaction of a read model was refused, and all of the \
                 transaction was rolled back: leave committing to `ReadModel::commit`",
            ));
        }
        if guard.rolled_back.load(Ordering::SeqCst) || connection.is_autocommit() {
            return Err(Error::new(
                ErrorKind::Invalid,
                "the transaction of a read model was rolled back before its end: by a ROLLBACK \
                 inside it, which is to be left out, or by SQLite after an error that it told \
                 (a full disk, say); nothing was written",
            ));
        }
        Ok(())
    }

    /// Commits the transaction that was begun, or says why nothing was written.
    pub(super) fn commit(&self) -> Result<()> {
        self.check()?;
        let Guarded { connection, guard } = self.guarded();
        guard.may_commit.store(true, Ordering::SeqCst);
        // Where there is no write-ahead log, those who read are in the way of a commit.
        let committed = open::patiently(self.session.options.busy_timeout, || {
            run(connection, "COMMIT").map_err(|error| from_commit(error, IN_DOUBT))
        });
        guard.may_commit.store(false, Ordering::SeqCst);
        committed
    }

    #[allow(clippy::expect_used, reason = "only `drop` takes it away, and nobody asks after that")]
    fn guarded(&self) -> &Guarded {
        &self.held.as_ref().expect("a turn has the connection until it is dropped").guarded
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(held) = self.held.take() else { return };
        if held.guarded.connection.is_autocommit() || self.session.writer.is_current() {
            self.session.take_back(held);
        } else {
            // Rolling back may wait for the disk, and the one who drops it need not.
            let session = Arc::clone(&self.session);
            self.session.writer.submit(move |()| session.take_back(held));
        }
    }
}

fn at_one_moment<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    // What a panic may have left.
    roll_back(connection);
    run(connection, "BEGIN").map_err(from_driver)?;
    let result = work(connection);
    roll_back(connection);
    result
}

fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() {
        // Should it fail, the next BEGIN says so.
        drop(run(connection, "ROLLBACK"));
    }
}

fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

#[cfg(test)]
mod tests;
