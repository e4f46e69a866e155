//! Tables of ours that stand beside others: in the file of a log, or of a program that has
//! its own tables there. They leave the header of the file alone.
//!
//! # Mechanism
//! As for the log: one transaction that takes the write lock before it looks. Which steps
//! are done is kept in a table only, by part, because `application_id` and `user_version`
//! belong to whoever the file belongs to.

use es_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use uuid::Uuid;

use super::{Place, migrate::Step};
use crate::error::from_driver;

/// Tables that are made and changed together.
#[derive(Debug)]
pub(crate) struct Part {
    name: &'static str,
    steps: &'static [Step],
}

/// Checkpoints and dead letters.
pub(crate) const PROGRESS: Part = Part {
    name: "progress",
    steps: &[Step { version: 1, name: "progress", sql: include_str!("sql/0001_progress.sql") }],
};

/// Snapshots.
pub(crate) const SNAPSHOTS: Part = Part {
    name: "snapshots",
    steps: &[Step { version: 1, name: "snapshots", sql: include_str!("sql/0001_snapshots.sql") }],
};

/// The table that says which steps are done.
pub(super) const LEDGER: &str = "es_parts";

const MAKE_LEDGER: &str = "CREATE TABLE IF NOT EXISTS es_parts (
    part       TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    checksum   BLOB    NOT NULL,
    applied_at INTEGER NOT NULL DEFAULT (unixepoch()),
    PRIMARY KEY (part, version)
) STRICT, WITHOUT ROWID";

/// Takes the tables of `part` to their newest version, and refuses those that somebody
/// altered or that a newer release made.
pub(super) fn migrate(connection: &mut Connection, part: &Part, place: &Place) -> Result<()> {
    if has_ledger(connection)? && missing(connection, part, place)?.is_empty() {
        return Ok(());
    }
    let tx = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(from_driver)?;
    tx.execute_batch(MAKE_LEDGER).map_err(from_driver)?;
    for step in missing(&tx, part, place)? {
        apply(&tx, part, step).map_err(from_driver)?;
    }
    tx.commit().map_err(from_driver)
}

pub(super) fn has_ledger(connection: &Connection) -> Result<bool> {
    connection
        .query_row("SELECT count(*) FROM sqlite_schema WHERE name = ?1", [LEDGER], |row| row.get(0))
        .map_err(from_driver)
}

/// Whether subscribers follow a log by checkpoints that are kept here.
pub(super) fn has_checkpoints(connection: &Connection) -> Result<bool> {
    let exists = "SELECT count(*) FROM sqlite_schema WHERE name = 'es_subscribers'";
    let any = "SELECT EXISTS (SELECT 1 FROM es_subscribers WHERE log IS NOT NULL)";
    let ask = |sql| connection.query_row(sql, [], |row| row.get::<_, bool>(0));
    Ok(ask(exists).map_err(from_driver)? && ask(any).map_err(from_driver)?)
}

/// The steps that are still to be done.
fn missing(connection: &Connection, part: &Part, place: &Place) -> Result<Vec<&'static Step>> {
    let newest: Option<i64> = connection
        .query_row("SELECT max(version) FROM es_parts WHERE part = ?1", [part.name], |row| {
            row.get(0)
        })
        .map_err(from_driver)?;
    let known = part.steps.len() as u64;
    if newest.is_some_and(|newest| newest.unsigned_abs() > known) {
        let message = format!(
            "the tables for {} in {place} were made by a newer release: upgrade this program",
            part.name
        );
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    let mut missing = Vec::new();
    for step in part.steps {
        match recorded(connection, part, step).map_err(from_driver)? {
            Some(checksum) if checksum == step.checksum() => {}
            Some(_) => return Err(step.altered()),
            None => missing.push(step),
        }
    }
    Ok(missing)
}

fn recorded(connection: &Connection, part: &Part, step: &Step) -> rusqlite::Result<Option<Uuid>> {
    connection
        .query_row(
            "SELECT checksum FROM es_parts WHERE part = ?1 AND version = ?2",
            (part.name, step.version),
            |row| row.get(0).map(Uuid::from_bytes),
        )
        .optional()
}

fn apply(connection: &Connection, part: &Part, step: &Step) -> rusqlite::Result<()> {
    connection.execute_batch(step.sql)?;
    connection
        .execute(
            "INSERT INTO es_parts (part, version, name, checksum) VALUES (?1, ?2, ?3, ?4)",
            (part.name, step.version, step.name, step.checksum().as_bytes()),
        )
        .map(drop)
}
