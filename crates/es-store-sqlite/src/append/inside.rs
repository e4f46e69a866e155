//! An append inside a transaction that somebody else began and will commit.
//!
//! # Why it is sound
//! The transaction holds the write lock, so positions taken from the last row stay the next
//! ones until it ends; nobody sees them before. What the thread that writes knows of the log
//! it asks anew after any commit that was not its own.
//!
//! SQLite lets nobody change the durability of a transaction that has begun, so one that would
//! commit with less than the log promises is refused.

use es_core::{AppendRequest, Error, ErrorKind, LogId, Receipt, Result};
use rusqlite::Connection;

use super::decide::{Decider, Knowledge};
use crate::{error::from_driver, open, options::Synchronous};

/// Says whether there is a transaction to append in.
pub(crate) fn check_open(connection: &Connection) -> Result<()> {
    if connection.is_autocommit() {
        let message = "the transaction to append in is over: nothing was written";
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(())
}

/// Appends to the log `log`, whose file SQLite calls `path`, and whose appends commit with
/// `synchronous`.
pub(crate) fn inside(
    connection: &Connection,
    (log, path): (LogId, Option<&str>),
    synchronous: Synchronous,
    request: &AppendRequest,
) -> Result<Receipt> {
    check_open(connection)?;
    if path.is_none() || connection.path() != path || open::log_id(connection)? != log {
        let message = "the transaction to append in is on another database than the log: open \
                       the read model on the file of the log";
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    check_durable(connection, synchronous)?;
    let mut knowledge = Knowledge::default();
    knowledge.known.refresh(connection)?;
    Decider::new(connection, log, &mut knowledge).append(request, &[])
}

/// Says whether the transaction commits as appends to the log do.
fn check_durable(connection: &Connection, synchronous: Synchronous) -> Result<()> {
    // The answer is part of the statement: one that was prepared before has an old one.
    let theirs: i64 = connection
        .pragma_query_value(None, "synchronous", |row| row.get(0))
        .map_err(from_driver)?;
    let wanted = match synchronous {
        Synchronous::Full => 2,
        Synchronous::Normal => 1,
    };
    if theirs < wanted {
        let message = "the transaction to append in would not survive a power cut, and appends to \
                       this log do: open the read model with `Synchronous::Full`, or set \
                       `synchronous=FULL` on a connection of your own";
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(())
}
