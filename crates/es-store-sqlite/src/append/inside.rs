//! An append inside a transaction that somebody else began and will commit.
//!
//! # Why it is sound
//! The transaction holds the write lock, so positions taken from the last row stay the next
//! ones until it ends; nobody sees them before. What the thread that writes knows of the log
//! it asks anew after any commit that was not its own.

use es_core::{AppendRequest, Error, ErrorKind, LogId, Receipt, Result};
use rusqlite::Connection;

use super::decide::{Decider, Knowledge};
use crate::open;

/// Says whether there is a transaction to append in.
pub(crate) fn check_open(connection: &Connection) -> Result<()> {
    if connection.is_autocommit() {
        let message = "the transaction to append in is over: nothing was written";
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(())
}

/// Appends to the log `log`, whose file SQLite calls `path`.
pub(crate) fn inside(
    connection: &Connection,
    log: LogId,
    path: Option<&str>,
    request: &AppendRequest,
) -> Result<Receipt> {
    check_open(connection)?;
    if path.is_none() || connection.path() != path || open::log_id(connection)? != log {
        let message = "the transaction to append in is on another database than the log: open \
                       the read model on the file of the log";
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let mut knowledge = Knowledge::default();
    knowledge.known.refresh(connection)?;
    Decider::new(connection, log, &mut knowledge).append(request, &[])
}
