//! What PostgreSQL and the driver say, as the kinds of error that callers decide by.

use es_core::{Diverged, Error, ErrorKind, LogId, causes};
use tokio_postgres::error::{Severity, SqlState};
use uuid::Uuid;

use crate::pooler::REMEDY;

/// What the functions say when the log is not the one that they were told of.
pub(crate) const ANOTHER_LOG: &str = "ES001";
const ONE_HASH: &str = "ES002";
/// A tenant that is not the caller's.
const NOT_SERVED: &str = "ES005";
/// No partition for what was to be written.
const NO_ROOM: &str = "ES004";
/// A session that does not see the last partition.
const OUT_OF_SIGHT: &str = "ES007";

/// Whether the reply was lost, so that nobody knows what the server did.
///
/// The server speaks of its own end (`FATAL`) also after it has committed, so that is no
/// reply either.
pub(crate) fn is_lost(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_none_or(|db| {
        matches!(db.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
            || db.code().code().starts_with("08")
    })
}

/// Whether the connection is gone, and not merely a value or a row of another shape than the caller
/// said, which the driver notices by itself.
pub(crate) fn is_cut(error: &tokio_postgres::Error) -> bool {
    if error.as_db_error().is_some() {
        return is_lost(error);
    }
    let source = std::error::Error::source(error);
    error.is_closed() || source.is_some_and(|source| source.is::<std::io::Error>())
}

/// What a handler met that is up to the database and not to what it did.
pub(crate) fn in_handler(error: &tokio_postgres::Error) -> Option<ErrorKind> {
    if is_cut(error) {
        // An event may be what ends its connection, time and again.
        return Some(ErrorKind::Busy);
    }
    let code = error.code()?;
    if is_read_only(code) {
        return Some(ErrorKind::Unavailable);
    }
    let (kind, _) = said(code, false);
    matches!(kind, ErrorKind::Busy | ErrorKind::Unavailable).then_some(kind)
}

/// What a driver's error means to a read model, when nothing was written.
///
/// It differs from [`from_driver`] where a server takes no writes, which is what a failover to a
/// standby looks like until that is promoted: whoever appends is told to go elsewhere, and a
/// projection waits.
pub(crate) fn from_model(error: tokio_postgres::Error) -> Error {
    match error.code() {
        Some(code) if is_read_only(code) => {
            let message = "the PostgreSQL of the read model is read-only (a standby, or \
                           `default_transaction_read_only`): nothing was written";
            Error::new(ErrorKind::Unavailable, message).with_source(error)
        }
        _ => from_driver(None, error),
    }
}

/// The same for what is not undone when its reply is lost.
pub(crate) fn from_model_writing(error: tokio_postgres::Error) -> Error {
    if !is_lost(&error) {
        return from_model(error);
    }
    let message = "the reply of PostgreSQL was lost: the checkpoint tells whether it was moved";
    Error::new(ErrorKind::OutcomeUnknown, message).with_source(error)
}

fn is_read_only(code: &SqlState) -> bool {
    *code == SqlState::READ_ONLY_SQL_TRANSACTION
}

/// Whether the connection leads to a server that takes no writes: another one may lead elsewhere.
pub(crate) fn leads_astray(error: &(dyn std::error::Error + 'static)) -> bool {
    let said = causes(error).find_map(|error| error.downcast_ref::<tokio_postgres::Error>());
    said.and_then(tokio_postgres::Error::code).is_some_and(is_read_only)
}

/// Whether an event id was there already.
pub(crate) fn is_repeated(error: &tokio_postgres::Error, prefix: &str) -> bool {
    error.as_db_error().is_some_and(|db| {
        *db.code() == SqlState::UNIQUE_VIOLATION
            && db.constraint().and_then(|name| name.strip_prefix(prefix)) == Some("events_id")
    })
}

/// Up to which position there has to be room, if that is what was missing.
pub(crate) fn room(error: &tokio_postgres::Error) -> Option<u64> {
    let db = error.as_db_error().filter(|db| db.code().code() == NO_ROOM)?;
    db.detail()?.parse().ok()
}

/// Whether a partition was opened while a transaction worked that had locked the events before:
/// it hears of no change of a table that it holds a lock on, and finds no place for the row.
pub(crate) fn is_partition_unseen(error: &tokio_postgres::Error) -> bool {
    // A constraint would be named: rows of a read model that break one of theirs are no such thing.
    error.as_db_error().is_some_and(|db| {
        *db.code() == SqlState::CHECK_VIOLATION
            && db.constraint().is_none()
            && db.table().is_some_and(|table| table.ends_with("events"))
    })
}

/// Whether the session did not see all partitions. Nothing was read or written.
pub(crate) fn is_out_of_sight(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|db| db.code().code() == OUT_OF_SIGHT)
}

/// What is said when no session sees the partition of an event.
pub(crate) fn out_of_sight() -> Error {
    Error::new(ErrorKind::Unavailable, SIGHT)
}

/// What a driver's error means to a caller, when nothing was written.
pub(crate) fn from_driver(log: Option<LogId>, error: tokio_postgres::Error) -> Error {
    let Some(db) = error.as_db_error() else {
        let message = "the connection to PostgreSQL failed: nothing was written";
        return Error::new(ErrorKind::Unavailable, message).with_source(error);
    };
    if db.code().code() == ANOTHER_LOG {
        let found = db.detail().and_then(|id| Uuid::parse_str(id).ok()).unwrap_or_default();
        let (Some(expected), found) = (log, LogId::from_uuid(found)) else {
            return Error::fault("PostgreSQL named a log unasked", error);
        };
        return Error::from(Diverged::Replaced { expected, found }).with_source(error);
    }
    if is_partition_unseen(&error) {
        return Error::new(ErrorKind::Busy, UNSEEN).with_source(error);
    }
    let (kind, message) = said(db.code(), is_lost(&error));
    Error::new(kind, message).with_source(error)
}

const UNSEEN: &str = "no partition for the event was there when the transaction looked: nothing \
                      was written; run it again";

const SIGHT: &str = "the last partition of the events is not seen: nothing was read or written; try again, \
     and if it stays so, look whether the partition was detached (docs/postgresql.md)";

fn said(code: &SqlState, is_lost: bool) -> (ErrorKind, &'static str) {
    use ErrorKind::{Busy, Fault, Invalid, Unavailable, Unsupported};
    match code.code() {
        ONE_HASH => (Invalid, "another stream has the same hash: choose another key"),
        NOT_SERVED => (
            Invalid,
            "this role does not serve the tenant: nothing was written; connect as a role that \
             does, or let the owner of the tables run `PostgresStore::admit`",
        ),
        NO_ROOM => (Busy, UNSEEN),
        OUT_OF_SIGHT => (Unavailable, SIGHT),
        "40001" | "40P01" => (Busy, "another transaction was in the way: nothing was written"),
        "55P03" | "57014" | "25P03" | "25P04" => {
            (Busy, "PostgreSQL gave up waiting (a timeout of the server): nothing was written")
        }
        "53300" => (Unavailable, "PostgreSQL has no connection left for us"),
        "53100" => (Unavailable, "the disk of PostgreSQL is full: nothing was written"),
        "53000" | "53200" | "53400" => {
            (Unavailable, "PostgreSQL has run out of room: nothing was written")
        }
        code if code.starts_with("58") => {
            (Unavailable, "the disk or the file system of PostgreSQL failed: nothing was written")
        }
        "25006" => (
            Unsupported,
            "PostgreSQL is read-only here (a standby, or a read-only transaction): nothing was \
             written; append on the primary",
        ),
        "26000" | "42P05" => (Unsupported, REMEDY),
        "42501" => (Invalid, "this role may not do that: grant what docs/postgresql.md lists"),
        "42704" => (Invalid, "there is no such role"),
        "28000" | "28P01" => (Invalid, "PostgreSQL refuses this user, password or certificate"),
        "3D000" => (Invalid, "there is no such database"),
        "3F000" | "42P01" | "42883" => {
            (Invalid, "the tables of the log are not there: run `PostgresStore::migrate`")
        }
        _ if is_lost => (Unavailable, "PostgreSQL ended the connection"),
        _ => (Fault, "PostgreSQL refused what should have worked: nothing was written"),
    }
}

/// The database holds something that this crate never writes.
pub(crate) fn damaged(what: impl Into<es_core::BoxError>) -> Error {
    Error::fault("the tables of the log hold what no release of this crate writes", what)
}

pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the store was closed, or its runtime has ended")
}

/// The same error for each caller of a batch.
pub(crate) fn again(error: &Error) -> Error {
    let copy = match error.diverged() {
        Some(diverged) => Error::from(diverged.clone()),
        None => Error::new(error.kind(), error.to_string()),
    };
    match std::error::Error::source(error) {
        Some(source) => copy.with_source(source.to_string()),
        None => copy,
    }
}
