//! What SQLite says, as the kinds of error that callers decide by.

use es_core::{Error, ErrorKind};
use rusqlite::ErrorCode;

/// What a driver's error means to a caller, when nothing was written.
pub(crate) fn from_driver(error: rusqlite::Error) -> Error {
    let (kind, message) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (ErrorKind::Busy, "another process holds the database: nothing was written")
        }
        Some(ErrorCode::DiskFull) => {
            (ErrorKind::Unavailable, "the disk is full: nothing was written; make room and retry")
        }
        Some(ErrorCode::CannotOpen) => {
            (ErrorKind::Unavailable, "the database file cannot be opened")
        }
        Some(ErrorCode::NotADatabase) => {
            (ErrorKind::Invalid, "the file is not an SQLite database: name another file")
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            (ErrorKind::Invalid, "the database is read-only here: nothing was written")
        }
        Some(ErrorCode::DatabaseCorrupt) => {
            (ErrorKind::Fault, "the database file is damaged: restore it from a backup")
        }
        Some(ErrorCode::SystemIoFailure) => {
            (ErrorKind::Unavailable, "the disk or the file system failed: nothing was written")
        }
        Some(ErrorCode::ConstraintViolation) => {
            (ErrorKind::Fault, "a constraint of the database was violated: nothing was written")
        }
        _ => (ErrorKind::Fault, "SQLite failed"),
    };
    Error::new(kind, message).with_source(error)
}

/// The same for a commit. It may have reached the disk although it failed: a frame that was
/// written but not synced can come back after a crash. `in_doubt` says what to do then.
///
/// A constraint that is checked late (`DEFERRABLE INITIALLY DEFERRED`) is looked at before anything
/// is written, and the transaction is still open when it was broken: whoever calls rolls back.
pub(crate) fn from_commit(error: rusqlite::Error, in_doubt: &'static str) -> Error {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::ConstraintViolation,
        ) => from_driver(error),
        _ => Error::new(ErrorKind::OutcomeUnknown, in_doubt).with_source(error),
    }
}

/// What a handler met that is up to the database and not to what it did.
pub(crate) fn in_handler(error: &rusqlite::Error) -> Option<ErrorKind> {
    match error.sqlite_error_code()? {
        ErrorCode::DiskFull | ErrorCode::SystemIoFailure => Some(ErrorKind::Unavailable),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OutOfMemory => {
            Some(ErrorKind::Busy)
        }
        _ => None,
    }
}

/// The thread that would have answered has ended.
pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the SQLite store is closed")
}

/// The one who wrote has gone without an answer.
pub(crate) fn unanswered() -> Error {
    let message =
        "the writer failed before it could answer: append the same events again to settle it";
    Error::new(ErrorKind::OutcomeUnknown, message)
}

/// A row that this crate cannot have written.
pub(crate) fn damaged(what: impl Into<es_core::BoxError>) -> Error {
    Error::fault("the database holds a row that is not well-formed", what)
}
