//! What it takes to write: the connection, and what is known of the log. There is one, and
//! whoever has it writes.

use std::sync::Arc;

use es_core::{Error, ErrorKind, LogId, Position, Result, SharedObserver};
use rusqlite::Connection;
use tokio::sync::watch;

use super::{
    decide::{Decider, Knowledge},
    observe::Commit,
};
use crate::{
    error::{from_commit, from_driver},
    wal::Carrier,
};

/// What to do about a commit that failed on the disk.
const IN_DOUBT: &str =
    "SQLite failed while it committed: append the same events again to settle it";

/// What it takes to write.
pub(crate) struct Pen {
    pub(super) connection: Connection,
    /// None for a log in memory.
    pub(super) carrier: Option<Carrier>,
    pub(super) knowledge: Knowledge,
    log: LogId,
    /// As of which `data_version` the log is known.
    seen: Option<i64>,
    published: Arc<watch::Sender<Position>>,
    pub(super) observer: Option<SharedObserver>,
}

impl Pen {
    pub(crate) fn new(
        connection: Connection,
        carrier: Option<Carrier>,
        log: LogId,
        published: Arc<watch::Sender<Position>>,
        observer: Option<SharedObserver>,
    ) -> Self {
        let knowledge = Knowledge::default();
        Self { connection, carrier, knowledge, log, seen: None, published, observer }
    }

    pub(super) fn head(&self) -> i64 {
        self.knowledge.known.head
    }

    /// Takes the write lock, if nobody has it.
    pub(super) fn begin(&mut self) -> Result<()> {
        execute(&self.connection, "BEGIN IMMEDIATE").map_err(from_driver)?;
        self.catch_up().inspect_err(|_| self.roll_back())
    }

    /// Learns what others have written since.
    fn catch_up(&mut self) -> Result<()> {
        let connection = &self.connection;
        let version = connection
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut statement| statement.query_row([], |row| row.get::<_, i64>(0)))
            .map_err(from_driver)?;
        let known = &mut self.knowledge.known;
        match self.seen.replace(version) {
            None => known.refresh(connection),
            Some(seen) if seen != version => known.refresh_if_behind(connection),
            Some(_) => Ok(()),
        }
    }

    pub(super) fn decider(&mut self) -> Decider<'_> {
        Decider::new(&self.connection, self.log, &mut self.knowledge)
    }

    /// Ends the transaction of so many appends, before which the log ended at `before`; tells of
    /// it, and has those go on who wait for events.
    pub(super) fn end(
        &mut self,
        before: i64,
        commit: Option<Commit>,
        appends: usize,
    ) -> Result<()> {
        let ended = self.commit(before);
        // Before those who wait for it go on: what they do next is told later.
        self.tell(commit, appends, ended.is_ok());
        match &ended {
            Ok(()) => self.publish(),
            Err(_) => self.seen = None,
        }
        ended
    }

    /// Tells of a batch, if somebody wants to know.
    pub(super) fn tell(&self, commit: Option<Commit>, appends: usize, is_committed: bool) {
        if let (Some(observer), Some(commit)) = (&self.observer, commit) {
            commit.end(observer, appends, is_committed);
        }
    }

    fn publish(&self) {
        self.published.send_if_modified(|known| {
            let now = Position::new(self.head().unsigned_abs());
            let grown = now > *known;
            *known = now.max(*known);
            grown
        });
    }

    /// Commits, or says why nothing was written. A batch without a new event has nothing to
    /// commit.
    fn commit(&mut self, before: i64) -> Result<()> {
        if self.connection.is_autocommit() {
            // Families of the batch are gone, and others will have their numbers.
            self.roll_back();
            let message = "SQLite rolled the batch back (a full disk or a failed one): nothing \
                           was written";
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        if self.head() == before {
            self.roll_back();
            return Ok(());
        }
        let committed =
            execute(&self.connection, "COMMIT").map_err(|error| from_commit(error, IN_DOUBT));
        if committed.is_err() {
            self.roll_back();
        }
        committed
    }

    /// Makes the pen one that can be written with, whatever panicked where.
    pub(super) fn recover(&mut self) {
        self.roll_back();
    }

    /// What was written is gone, and so is what was known of it.
    pub(super) fn roll_back(&mut self) {
        if !self.connection.is_autocommit() {
            // Should this fail too, the next BEGIN says so.
            drop(execute(&self.connection, "ROLLBACK"));
        }
        self.knowledge.names.clear();
        self.seen = None;
    }
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}
