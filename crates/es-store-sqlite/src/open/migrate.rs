//! The tables, made and changed by numbered steps that are written down with a checksum.
//!
//! # Hazard
//! Two processes open a new file at once, or a program is killed in the middle.
//! # Mechanism
//! Each run is one transaction that takes the write lock before it looks at what is there.
//! # Why it is sound
//! The second process sees the steps of the first as done; a killed run leaves nothing.

use es_core::{Error, ErrorKind, LogId, Result};
use rusqlite::{Connection, TransactionBehavior};
use uuid::Uuid;

use super::inspect::APPLICATION_ID;
use crate::error::from_driver;

/// One step. Once released it never changes: what must change is a further step.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) version: i64,
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
}

const STEPS: [Step; 1] = [Step { version: 1, name: "log", sql: include_str!("sql/0001_log.sql") }];

/// The version of the schema that this release writes.
pub(super) const NEWEST: i64 = 1;

const LEDGER: &str = "CREATE TABLE IF NOT EXISTS es_migrations (
    version    INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL,
    checksum   BLOB    NOT NULL,
    applied_at INTEGER NOT NULL DEFAULT (unixepoch())
) STRICT";

/// Takes the schema to the newest version, and refuses one that somebody altered.
pub(super) fn migrate(connection: &mut Connection) -> Result<()> {
    if is_current(connection)? {
        return Ok(());
    }
    let tx = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(from_driver)?;
    tx.execute_batch(LEDGER).map_err(from_driver)?;
    for step in &STEPS {
        match recorded(&tx, step.version)? {
            Some(checksum) if checksum == step.checksum() => {}
            Some(_) => return Err(step.altered()),
            None => apply(&tx, step).map_err(from_driver)?,
        }
    }
    tx.commit().map_err(from_driver)
}

fn apply(connection: &Connection, step: &Step) -> rusqlite::Result<()> {
    connection.execute_batch(step.sql)?;
    if step.version == 1 {
        let id = LogId::generate().as_uuid();
        connection.execute("INSERT INTO es_log (one, id) VALUES (1, ?1)", [id.as_bytes()])?;
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    connection.execute(
        "INSERT INTO es_migrations (version, name, checksum) VALUES (?1, ?2, ?3)",
        (step.version, step.name, step.checksum().as_bytes()),
    )?;
    connection.pragma_update(None, "user_version", step.version)
}

/// Whether all steps are done and unaltered, found out without the write lock.
fn is_current(connection: &Connection) -> Result<bool> {
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(from_driver)?;
    if version < NEWEST {
        return Ok(false);
    }
    for step in &STEPS {
        if recorded(connection, step.version)? != Some(step.checksum()) {
            return Err(step.altered());
        }
    }
    Ok(true)
}

fn recorded(connection: &Connection, version: i64) -> Result<Option<Uuid>> {
    let found = connection.query_row(
        "SELECT checksum FROM es_migrations WHERE version = ?1",
        [version],
        |row| row.get::<_, [u8; 16]>(0),
    );
    match found {
        Ok(checksum) => Ok(Some(Uuid::from_bytes(checksum))),
        Err(rusqlite::Error::QueryReturnedNoRows) => Ok(None),
        Err(error) => Err(from_driver(error)),
    }
}

impl Step {
    /// A UUID of version 5 over the text: a SHA-1 that is at hand.
    pub(super) fn checksum(&self) -> Uuid {
        Uuid::new_v5(&Uuid::NAMESPACE_OID, self.sql.as_bytes())
    }

    pub(super) fn altered(&self) -> Error {
        let message = format!(
            "step {} ({}) of the schema is not the one that this release knows: the database \
             was altered, or made by a build that was never released",
            self.version, self.name
        );
        Error::new(ErrorKind::Invalid, message)
    }
}
