//! The scripts, and what their first word means.
//!
//! *Hazard.* A server above `maxmemory` refuses every script that may write, and so also those that
//! would make room: nothing is consumed, nothing is trimmed, and it stays full.
//! *Mechanism.* All that join, settle or free say `allow-oom`; only what publishes does not.
//! *Cost.* What they write comes on top: places and leases, and a copy of what is put aside or given
//! up, whose entry is trimmed then.

use std::sync::LazyLock;

use es_core::{Error, ErrorKind, Result};
use es_redis::{Reply, Script};

macro_rules! scripts {
    ($($name:ident = $file:literal;)*) => {
        $(pub(super) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(include_str!(concat!("scripts/", $file))));)*
    };
}

scripts! {
    OPEN = "open.lua";
    PUBLISH = "publish.lua";
    TRIM = "trim.lua";
    JOIN = "join.lua";
    RELEASE = "release.lua";
    ADVANCE = "advance.lua";
    PARK = "park.lua";
    SETTLE = "settle.lua";
    REPLAYED = "replayed.lua";
    ENTER = "enter.lua";
    AGAIN = "again.lua";
    DUE = "due.lua";
    DEAD = "dead.lua";
    DONE = "done.lua";
    BEAT = "beat.lua";
    SWEEP = "sweep.lua";
    REPLAY = "replay.lua";
    DISCARD = "discard.lua";
    FETCH = "fetch.lua";
    RECOVER = "recover.lua";
    INSPECT = "inspect.lua";
    FORGET = "forget.lua";
}

/// What a script answered: a word, and what goes with it.
pub(super) struct Answer {
    pub(super) word: String,
    rest: std::vec::IntoIter<Reply>,
}

impl Answer {
    pub(super) fn read(reply: Reply) -> Result<Self> {
        let mut parts = reply.array("a script").map_err(failed)?.into_iter();
        let word = parts.next().ok_or_else(|| failed(es_redis::Error::unexpected("a script")))?;
        Ok(Self { word: word.text("the word of a script").map_err(failed)?, rest: parts })
    }

    pub(super) fn next(&mut self) -> Result<Reply> {
        let next = self.rest.next();
        next.ok_or_else(|| failed(es_redis::Error::unexpected("a script")))
    }

    pub(super) fn text(&mut self) -> Result<String> {
        match self.next()? {
            Reply::Int(number) => Ok(number.to_string()),
            other => other.text("a script").map_err(failed),
        }
    }

    pub(super) fn count(&mut self) -> Result<u64> {
        self.next()?.count("a script").map_err(failed)
    }

    pub(super) fn number(&mut self) -> Result<i64> {
        self.next()?.int("a script").map_err(failed)
    }
}

/// An error of Redis as one of ours.
pub(super) fn failed(error: es_redis::Error) -> Error {
    use es_redis::ErrorKind as Kind;
    let kind = match error.kind() {
        _ if error.is_temporary() => ErrorKind::Unavailable,
        Kind::Lost => ErrorKind::OutcomeUnknown,
        Kind::Invalid => ErrorKind::Invalid,
        _ => ErrorKind::Fault,
    };
    let message = match kind {
        ErrorKind::Unavailable => "Redis is out of reach, or takes nothing now",
        ErrorKind::OutcomeUnknown => "the reply of Redis was lost",
        ErrorKind::Invalid => "this is no Redis that can be connected to",
        _ => "Redis refused a command",
    };
    Error::new(kind, message).with_source(error)
}

/// An error of a command that changes nothing: a reply that was lost is as good as none.
pub(super) fn not_read(error: es_redis::Error) -> Error {
    if error.kind() != es_redis::ErrorKind::Lost {
        return failed(error);
    }
    Error::new(ErrorKind::Unavailable, "the reply of Redis was lost").with_source(error)
}
