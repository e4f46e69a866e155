//! What Redis says, as the kinds of error that callers decide by.

use es_core::{Diverged, Error, ErrorKind, LogId};
use es_redis::ErrorKind as RedisErrorKind;
use uuid::Uuid;

pub(crate) use crate::record::damaged;

/// What an error of Redis means to a caller, when nothing was written.
pub(crate) fn from_redis(error: es_redis::Error) -> Error {
    let (kind, message) = match error.kind() {
        RedisErrorKind::Lost => (ErrorKind::Unavailable, "the reply of Redis was lost"),
        RedisErrorKind::Unreachable => (ErrorKind::Unavailable, "Redis could not be reached"),
        RedisErrorKind::Busy => (ErrorKind::Busy, "too many commands are on their way to Redis"),
        RedisErrorKind::Invalid => (ErrorKind::Invalid, "this does not lead to a Redis"),
        RedisErrorKind::Refused => said(error.refusal().map_or("", |refusal| refusal.prefix())),
        _ => (ErrorKind::Fault, "Redis answered with something unexpected"),
    };
    Error::new(kind, message).with_source(error)
}

/// What an error of a read of a row means: a row may be of any type, and somebody asked for
/// another one.
pub(crate) fn of_row(error: es_redis::Error) -> Error {
    if error.is_refused_as("WRONGTYPE") {
        let message = "the row is of another type than what was asked for";
        return Error::new(ErrorKind::Invalid, message).with_source(error);
    }
    from_redis(error)
}

fn said(prefix: &str) -> (ErrorKind, &'static str) {
    use ErrorKind::{Fault, Invalid, Unavailable};
    match prefix {
        "OOM" => (Unavailable, "Redis has no memory left (maxmemory): nothing was written"),
        "READONLY" => (Unavailable, "this Redis is a replica: nothing was written"),
        "LOADING" => (Unavailable, "Redis is still loading its data: nothing was written"),
        "BUSY" => (Unavailable, "a script of somebody else keeps Redis busy: nothing was written"),
        "NOREPLICAS" => {
            (Unavailable, "Redis has too few replicas (min-replicas-to-write): nothing was written")
        }
        "MISCONF" => (Unavailable, "Redis cannot write to its disk: nothing was written"),
        "CLUSTERDOWN" | "MASTERDOWN" | "TRYAGAIN" => {
            (Unavailable, "no server has these keys right now: nothing was written")
        }
        "MOVED" | "ASK" => (
            Unavailable,
            "another node of a cluster has these keys: nothing was written; if the URL begins \
             with redis://, let it begin with redis-cluster://",
        ),
        "NOAUTH" | "WRONGPASS" => (Invalid, "Redis refuses this user or password"),
        "NOPERM" => (Invalid, "this user of Redis may not do that: docs/redis.md has the list"),
        "WRONGTYPE" => (Fault, "a key of the log is something else: the name of the log is taken"),
        _ => (Fault, "Redis refused what should have worked: nothing was written"),
    }
}

/// Whether another server, or this one a little later, may take it.
pub(crate) fn may_pass(error: &es_redis::Error) -> bool {
    let soon = ["READONLY", "LOADING", "BUSY", "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN"];
    error.kind() == RedisErrorKind::Unreachable
        || error.refusal().is_some_and(|refusal| soon.contains(&refusal.prefix()))
}

/// The log is another one, or gone; then what was found is the nil id.
pub(crate) fn replaced(expected: LogId, found: &str) -> Error {
    let found = LogId::from_uuid(Uuid::parse_str(found).unwrap_or_default());
    Diverged::Replaced { expected, found }.into()
}

pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the store was closed, or its runtime has ended")
}

/// A deadline that is added up without end.
pub(crate) fn within(time: std::time::Duration) -> std::time::Instant {
    const LONGEST: std::time::Duration = std::time::Duration::from_secs(10 * 365 * 24 * 3_600);
    std::time::Instant::now() + time.min(LONGEST)
}
