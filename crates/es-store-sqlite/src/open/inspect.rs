//! What a file is, found out without changing it.

use es_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, ErrorCode, MAIN_DB};

use super::{Place, migrate, parts};
use crate::error::from_driver;

/// Marks a file as a log of ours, for those who look at the header: `esLG`.
pub(super) const APPLICATION_ID: i32 = 0x6573_4c47;

/// Refuses a file that is not ours to write: read-only, another program's, or of a newer
/// version. A file that is empty or not there yet is fine.
pub(super) fn check(connection: &Connection, place: &Place) -> Result<()> {
    // One snapshot: another process may be making the log just now.
    let look = connection.unchecked_transaction().map_err(from_driver)?;
    let read = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get(0));
    let application: i32 = read("application_id").map_err(|error| not_ours(place, error))?;
    let version: i32 = read("user_version").map_err(from_driver)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(from_driver)?;

    let has_parts = parts::has_ledger(connection)?;
    let follows_a_log = has_parts && parts::has_checkpoints(connection)?;
    drop(look);

    // Read models and snapshots may have been opened before the log. Those who follow a log
    // already follow another: a new one beside them would be a path that was mixed up.
    let is_new = application == 0 && version == 0 && (tables == 0 || has_parts);
    if application != APPLICATION_ID && (!is_new || follows_a_log) {
        let whose = if follows_a_log {
            "holds read models that follow another log".to_owned()
        } else {
            format!(
                "is a database of another program (application id {application:#x}, {tables} \
                 tables and indexes)"
            )
        };
        let message = format!("{place} {whose}: name another file");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    if i64::from(version) > migrate::NEWEST {
        let message = format!(
            "{place} was written by a newer release (schema {version}, known up to {}): \
             upgrade this program",
            migrate::NEWEST
        );
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    check_writable(connection, place)
}

/// Refuses a file that is no database or that cannot be written; any other may hold tables
/// beside its own. Says whether it should have a write-ahead log: one that is new, or a log
/// of ours. What another program chose for its file stays.
pub(super) fn check_beside(connection: &Connection, place: &Place) -> Result<bool> {
    let look = connection.unchecked_transaction().map_err(from_driver)?;
    let application: i32 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(|error| not_ours(place, error))?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(from_driver)?;
    drop(look);
    check_writable(connection, place)?;
    Ok(tables == 0 || application == APPLICATION_ID)
}

fn check_writable(connection: &Connection, place: &Place) -> Result<()> {
    if connection.is_readonly(MAIN_DB).map_err(from_driver)? {
        let message = format!("{place} is read-only: it must be writable");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(())
}

/// What it means that not even the header can be read.
fn not_ours(place: &Place, error: rusqlite::Error) -> Error {
    let (kind, message) = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => {
            (ErrorKind::Invalid, "is not an SQLite database: name another file")
        }
        // Who reads a write-ahead log writes to files beside it.
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            (ErrorKind::Invalid, "or its folder is read-only: both must be writable")
        }
        Some(ErrorCode::CannotOpen) => {
            (ErrorKind::Unavailable, "cannot be opened: are it and its folder writable?")
        }
        _ => return from_driver(error),
    };
    Error::new(kind, format!("{place} {message}")).with_source(error)
}
