//! What is at the other end: a server that may keep a log, and the log.

mod server;

use es_core::{Error, ErrorKind, Head, LogId, Position, Result};
use es_redis::{Command, Redis, Reply, Script};
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
    // A server that is full refuses a script that may write, also where the log is there.
    let look = Command::new("HMGET").key(&keys.meta).arg("layout").arg("log").arg("seq");
    let reply = redis.command(look).await.map_err(from_redis)?;
    let [layout, log, last] = match parts(reply)? {
        [_, log, _] if log.is_nil() => {
            let script = Script::new(include_str!("open.lua"));
            let id = LogId::generate().as_uuid().to_string();
            let command = script.on([&keys.meta]).arg(LAYOUT).arg(id);
            parts(redis.command(command).await.map_err(from_redis)?)?
        }
        found => found,
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

/// Layout, log and last position.
fn parts(reply: Reply) -> Result<[Reply; 3]> {
    let parts = reply.array("open").map_err(damaged)?;
    <[Reply; 3]>::try_from(parts).map_err(|_| damaged("the log has no name"))
}

/// Gives the log a new identity and lets it go on behind `beyond`, or behind its end where
/// that is further; makes the log if it is not there.
pub(crate) async fn go_on(redis: &Redis, keys: &Keys, beyond: Position) -> Result<Head> {
    open(redis, keys).await?;
    let script = Script::new(include_str!("go_on.lua"));
    let log = LogId::generate();
    let command = script.on([&keys.meta]).arg(log.as_uuid().to_string()).arg(beyond.get());
    let reply = redis.command(command).await.map_err(from_redis)?;
    Ok(Head::new(log, Position::new(reply.count("the head").map_err(damaged)?)))
}

/// What a log that is known says of its state, and where the event is that was asked for.
///
/// # Errors
/// `LogDiverged` when the log is gone. Another log is told by the head.
pub(crate) fn head(replies: Vec<Reply>, log: LogId) -> Result<(Head, Option<Position>)> {
    let mut replies = replies.into_iter();
    let state = replies.next().ok_or_else(|| damaged("the log has no head"))?;
    let mut parts = state.array("the head").map_err(damaged)?.into_iter();
    let (Some(found), Some(last)) = (parts.next(), parts.next()) else {
        return Err(damaged("the log has no head"));
    };
    if found.is_nil() {
        return Err(replaced(log, ""));
    }
    let found = found.text("the log").map_err(damaged)?;
    let found = LogId::from_uuid(Uuid::parse_str(&found).map_err(damaged)?);
    let head = Head::new(found, Position::new(last.count("the head").map_err(damaged)?));
    let place = replies.next().filter(|place| !place.is_nil());
    let place = place.map(|place| place.count("a position").map_err(damaged));
    Ok((head, place.transpose()?.map(Position::new)))
}
