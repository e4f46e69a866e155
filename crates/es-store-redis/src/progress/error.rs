//! What Redis says, as the kinds of error that callers decide by.

use es_core::{Error, ErrorKind};
use es_redis::ErrorKind as Kind;

/// An error of something that only looked, or may safely be done again.
pub(crate) fn of_read(error: es_redis::Error) -> Error {
    match error.kind() {
        Kind::Lost => {
            Error::new(ErrorKind::Unavailable, "no reply came from Redis").with_source(error)
        }
        _ => not_written(error),
    }
}

/// An error of something that writes.
pub(crate) fn of_write(error: es_redis::Error) -> Error {
    match error.kind() {
        Kind::Lost => {
            let message = "the reply of Redis was lost: the checkpoint tells what happened";
            Error::new(ErrorKind::OutcomeUnknown, message).with_source(error)
        }
        _ => not_written(error),
    }
}

fn not_written(error: es_redis::Error) -> Error {
    let (kind, message) = match (error.kind(), error.refusal().map(|refusal| refusal.prefix())) {
        (Kind::Busy, _) => (ErrorKind::Busy, "too many commands are on their way to Redis"),
        (Kind::Unreachable, _) => (ErrorKind::Unavailable, "Redis cannot be reached"),
        (Kind::Invalid, _) => (ErrorKind::Invalid, "the settings of the connection make no sense"),
        (_, Some("OOM")) => (ErrorKind::Unavailable, "Redis is full: nothing was written"),
        (_, Some("WRONGTYPE")) => (ErrorKind::Invalid, "the key holds another type"),
        (_, Some("NOPERM" | "NOAUTH" | "WRONGPASS")) => {
            (ErrorKind::Invalid, "this user may not do that: grant what docs/redis.md lists")
        }
        _ if error.is_temporary() => {
            (ErrorKind::Unavailable, "Redis does not take writes now: nothing was written")
        }
        _ => (ErrorKind::Fault, "Redis refused what should have worked"),
    };
    Error::new(kind, message).with_source(error)
}

/// A reply, or a value, that no release of this crate writes.
pub(crate) fn damaged(what: impl Into<es_core::BoxError>) -> Error {
    Error::fault("Redis holds what no release of this crate writes", what)
}
