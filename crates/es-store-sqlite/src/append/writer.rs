//! The thread that writes: group commit.
//!
//! # Mechanism
//! The thread takes the first append that waits, opens a transaction and works; whatever
//! has arrived by the time it is done joins, up to a bound, and all of them commit
//! together. Each has its own result. A lone caller waits for nobody.
//! # Why it is sound
//! Nothing is answered before the commit: a conflict may rest on an append of the same
//! batch, so when the commit fails nobody keeps an answer.
//! # What it costs
//! An append that joins a large batch waits for the work of the others; they would have
//! come before it anyway, each with a commit of its own.

use std::{sync::mpsc, time::Duration};

use es_core::{Error, ErrorKind, LogId, Position, Receipt, Result, SharedObserver};
use rusqlite::Connection;
use tokio::sync::watch;

use super::{
    decide::Decider,
    observe::Commit,
    queue::{Command, Pending},
};
use crate::{
    error::{from_commit, from_driver},
    open::patiently,
    read::Names,
    wal::Carrier,
};

/// Appends that share a commit at most.
const BATCH: usize = 512;
/// Bytes of payload behind which a batch takes no more.
const BATCH_BYTES: usize = 16 << 20;

/// What to do about a commit that failed on the disk.
const IN_DOUBT: &str =
    "SQLite failed while it committed: append the same events again to settle it";

/// Works until the last sender has gone; what was accepted by then is done first.
pub(crate) fn run(
    connection: Connection,
    carrier: Option<Carrier>,
    log: LogId,
    patience: Duration,
    commands: &mpsc::Receiver<Command>,
    head: &watch::Sender<Position>,
    observer: Option<SharedObserver>,
) {
    // A statement a page of a read is kept for takes a place; see `Connection`'s cache.
    let mut writer = Writer::new(&connection, carrier, log, patience, observer);
    let mut names = Names::default();
    let mut next = commands.recv().ok();
    while let Some(command) = next {
        next = match command {
            Command::Job(job) => {
                job(&connection, &mut names);
                None
            }
            Command::Append(first) => writer.batch(*first, commands, head),
        }
        .or_else(|| commands.recv().ok());
    }
}

struct Writer<'c> {
    decider: Decider<'c>,
    /// None for a log in memory.
    carrier: Option<Carrier>,
    patience: Duration,
    /// As of which `data_version` the decider knows the log.
    seen: Option<i64>,
    observer: Option<SharedObserver>,
}

type Answers = Vec<(Pending, Result<Receipt>)>;

impl<'c> Writer<'c> {
    fn new(
        connection: &'c Connection,
        carrier: Option<Carrier>,
        log: LogId,
        patience: Duration,
        observer: Option<SharedObserver>,
    ) -> Self {
        Self { decider: Decider::new(connection, log), carrier, patience, seen: None, observer }
    }

    /// Does `first` and what arrives meanwhile; gives back a command that is no append.
    fn batch(
        &mut self,
        first: Pending,
        commands: &mpsc::Receiver<Command>,
        head: &watch::Sender<Position>,
    ) -> Option<Command> {
        if first.is_abandoned() {
            return None;
        }
        let commit = self.observer.as_ref().map(|_| Commit::begin(first.begun));
        if let Err(error) = self.begin(&first) {
            self.seen = None;
            self.tell(commit, 1, false);
            first.answer(Err(error));
            return None;
        }
        let before = self.decider.known.head;
        let (answers, other) = self.fill(first, commands);
        let ended = self.end(before);
        self.tell(commit, answers.len(), ended.is_ok());
        match ended {
            Ok(()) => {
                head.send_if_modified(|known| {
                    let now = self.decider.known.head;
                    let now = Position::new(now.unsigned_abs());
                    let grown = now > *known;
                    *known = now.max(*known);
                    grown
                });
                answers.into_iter().for_each(|(pending, result)| pending.answer(result));
                if let Some(carrier) = &mut self.carrier {
                    carrier.committed(self.decider.connection);
                }
            }
            Err(error) => {
                self.seen = None;
                for (pending, _) in answers {
                    pending.answer(Err(again(&error)));
                }
            }
        }
        other
    }

    /// Tells of a batch, before those who wait for it go on: what they do next is told later.
    fn tell(&self, commit: Option<Commit>, appends: usize, is_committed: bool) {
        if let (Some(observer), Some(commit)) = (&self.observer, commit) {
            commit.end(observer, appends, is_committed);
        }
    }

    fn fill(
        &mut self,
        first: Pending,
        commands: &mpsc::Receiver<Command>,
    ) -> (Answers, Option<Command>) {
        let (mut answers, mut bytes, mut next) = (Vec::new(), 0, Some(first));
        while let Some(pending) = next {
            if !pending.is_abandoned() {
                let events = pending.request.events();
                bytes += events.map(|(_, event)| event.payload.bytes().len()).sum::<usize>();
                let decide = |()| self.decider.append(&pending.request, &pending.looked);
                let result = pending.check_deadline().and_then(decide);
                answers.push((pending, result));
            }
            if answers.len() >= BATCH
                || bytes >= BATCH_BYTES
                || self.decider.connection.is_autocommit()
            {
                break;
            }
            next = match commands.try_recv() {
                Ok(Command::Append(pending)) => Some(*pending),
                Ok(other) => return (answers, Some(other)),
                Err(_) => None,
            };
        }
        (answers, None)
    }

    /// Takes the write lock, for which it waits no longer than the caller does.
    fn begin(&mut self, first: &Pending) -> Result<()> {
        let patience = first.time_left().map_or(self.patience, |left| left.min(self.patience));
        let connection = self.decider.connection;
        patiently(patience, || {
            first.check_deadline()?;
            execute(connection, "BEGIN IMMEDIATE").map_err(from_driver)
        })?;
        self.catch_up().inspect_err(|_| self.roll_back())
    }

    /// Learns what others have written since.
    fn catch_up(&mut self) -> Result<()> {
        let connection = self.decider.connection;
        let version = connection
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut statement| statement.query_row([], |row| row.get::<_, i64>(0)))
            .map_err(from_driver)?;
        match self.seen.replace(version) {
            None => self.decider.known.refresh(connection),
            Some(seen) if seen != version => self.decider.known.refresh_if_behind(connection),
            Some(_) => Ok(()),
        }
    }

    /// Commits, or says why nothing was written. A batch without a new event has nothing to
    /// commit.
    fn end(&mut self, before: i64) -> Result<()> {
        let connection = self.decider.connection;
        if connection.is_autocommit() {
            let message = "SQLite rolled the batch back (a full disk or a failed one): nothing \
                           was written";
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        if self.decider.known.head == before {
            self.roll_back();
            return Ok(());
        }
        let committed = execute(connection, "COMMIT").map_err(|error| from_commit(error, IN_DOUBT));
        if committed.is_err() {
            self.roll_back();
        }
        committed
    }

    /// What was written is gone, and so is what was known of it.
    fn roll_back(&mut self) {
        if !self.decider.connection.is_autocommit() {
            // Should this fail too, the next BEGIN says so.
            drop(execute(self.decider.connection, "ROLLBACK"));
        }
        self.decider.names.clear();
        self.seen = None;
    }
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

/// The same error for each caller of a batch.
fn again(error: &Error) -> Error {
    let copy = Error::new(error.kind(), error.to_string());
    match std::error::Error::source(error) {
        Some(source) => copy.with_source(source.to_string()),
        None => copy,
    }
}
