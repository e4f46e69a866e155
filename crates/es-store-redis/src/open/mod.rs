//! What is at the other end: a server that may keep a log, and the log.

mod server;

use es_core::{Error, ErrorKind, Head, LogId, Position, Result};
use es_redis::{Command, Redis, Script};
use uuid::Uuid;

pub(crate) use server::Server;

use crate::{
    error::{damaged, from_redis, replaced},
    keys::Keys,
};

/// The version of the layout of the keys. Another one is refused.
const LAYOUT: u64 = 1;

/// Finds the log, or makes it.
pub(crate) async fn open(redis: &Redis, keys: &Keys) -> Result<Head> {
    let script = Script::new(include_str!("open.lua"));
    let id = LogId::generate().as_uuid().to_string();
    let command = script.on([&keys.meta]).arg(LAYOUT).arg(id);
    let reply = redis.command(command).await.map_err(from_redis)?;
    let mut parts = reply.array("open").map_err(damaged)?.into_iter();
    let (Some(layout), Some(log), Some(last)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(damaged("the log has no name"));
    };
    let layout = layout.count("the layout").map_err(damaged)?;
    if layout != LAYOUT {
        let message = format!(
            "the log {} has layout {layout}, and this release knows {LAYOUT}: use a newer one",
            keys.prefix()
        );
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    let log = log.text("the log").map_err(damaged)?;
    let log = LogId::from_uuid(Uuid::parse_str(&log).map_err(damaged)?);
    Ok(Head::new(log, Position::new(last.count("the head").map_err(damaged)?)))
}

/// The command that asks which log it is and where it ends.
pub(crate) fn asking(keys: &Keys) -> Command {
    Command::new("HMGET").key(&keys.meta).arg("log").arg("seq")
}

/// What it answers, for a log that is known.
///
/// # Errors
/// `LogDiverged` when the log is gone. Another log is told by the head.
pub(crate) fn head(reply: es_redis::Reply, log: LogId) -> Result<Head> {
    let mut parts = reply.array("the head").map_err(damaged)?.into_iter();
    let (Some(found), Some(last)) = (parts.next(), parts.next()) else {
        return Err(damaged("the log has no head"));
    };
    if found.is_nil() {
        return Err(replaced(log, ""));
    }
    let found = found.text("the log").map_err(damaged)?;
    let found = LogId::from_uuid(Uuid::parse_str(&found).map_err(damaged)?);
    Ok(Head::new(found, Position::new(last.count("the head").map_err(damaged)?)))
}
