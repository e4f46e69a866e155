//! What the server keeps of a set of partitions: how many there are, how streams are placed,
//! and which log each of them has.
//!
//! *Hazard.* Opened with another number, a stream would be looked for where it is not, and
//! begin anew; opened after a server was wiped, or with two servers mixed up, an empty log would
//! stand in for one that is lost. *Mechanism.* A description, in the slot of partition 0, has
//! the number, the placement, an id of the set, and the id of each partition's log; each
//! partition has the id of the set. Whoever opens compares both ways, and a partition that the
//! description knows is never made again. *Cost.* Three commands for each partition, when
//! it is opened.

use std::collections::HashMap;

use es_core::{Diverged, LogId, Result};
use es_redis::{Command, Redis, Reply, Script};
use uuid::Uuid;

use super::{PartitionsError, partition::Layout};
use crate::{
    error::{damaged, from_redis, replaced},
    keys::Keys,
};

/// What is written down of a set of partitions.
pub(super) struct Description {
    key: String,
    /// The id of the set.
    set: LogId,
    logs: HashMap<usize, LogId>,
}

impl Description {
    /// Whether anything is written down.
    pub(super) async fn is_there(redis: &Redis, first: &Keys) -> Result<bool> {
        let asked = Command::new("HEXISTS").key(key(first)).arg("set");
        let reply = redis.command(asked).await.map_err(from_redis)?;
        Ok(reply.int("the description of the partitions").map_err(damaged)? == 1)
    }

    /// Reads it, or makes it for `layout`. `first` has the keys of partition 0.
    pub(super) async fn of(redis: &Redis, first: &Keys, layout: Layout) -> Result<Self> {
        let key = key(first);
        let script = Script::new(include_str!("describe.lua"));
        let id = LogId::generate().as_uuid().to_string();
        let command = script.on([&key]).arg(id).arg(layout.count);
        let command = command.arg(layout.placement.to_string());
        let reply = redis.command(command).await.map_err(from_redis)?;
        let mut fields = fields(reply)?;
        let mut field = |name: &str| {
            let text = fields.remove(name);
            text.ok_or_else(|| damaged(format!("the partitions have no {name}")))
        };
        let set = parsed(&field("set")?)?;
        let count = field("count")?.parse().map_err(damaged)?;
        let made = Layout { count, placement: field("placement")?.parse().map_err(damaged)? };
        if made != layout {
            let words = |layout: Layout| (usize::from(layout.count), layout.placement);
            let (made, asked) = (words(made), words(layout));
            return Err(PartitionsError::MadeOtherwise { made, asked }.into());
        }
        let mut logs = HashMap::new();
        for (name, log) in fields {
            if let Some(index) = name.strip_prefix("log:") {
                logs.insert(index.parse().map_err(damaged)?, parsed(&log)?);
            }
        }
        Ok(Self { key, set, logs })
    }

    /// The log that a partition has, if it was ever made.
    pub(super) fn log(&self, index: usize) -> Option<LogId> {
        self.logs.get(&index).copied()
    }

    /// Notes on both sides that a partition belongs to this set and has this log. `anew` for an
    /// operator, who knows that it may have had another.
    ///
    /// # Errors
    /// `LogDiverged` where either side says otherwise.
    pub(super) async fn join(
        &self,
        (redis, keys): (&Redis, &Keys),
        first: &Redis,
        index: usize,
        log: LogId,
        anew: bool,
    ) -> Result<()> {
        let force = u16::from(anew);
        let script = Script::new(include_str!("belong.lua"));
        let set = self.set.as_uuid().to_string();
        let reply = redis.command(script.on([&keys.meta]).arg(set).arg(force)).await;
        let reply = reply.map_err(from_redis)?.array("a partition").map_err(damaged)?;
        let mut ids = reply.into_iter();
        let mut id = || match ids.next() {
            Some(id) => log_id(id),
            None => Err(replaced(log, "")),
        };
        same(log, id()?)?;
        same(self.set, id()?)?;
        let script = Script::new(include_str!("register.lua"));
        let command = script.on([&self.key]).arg(index).arg(log.as_uuid().to_string()).arg(force);
        let noted = first.command(command).await.map_err(from_redis)?;
        same(log_id(noted)?, log)
    }
}

fn key(first: &Keys) -> String {
    format!("{}set", first.prefix())
}

fn same(expected: LogId, found: LogId) -> Result<()> {
    if expected == found { Ok(()) } else { Err(Diverged::Replaced { expected, found }.into()) }
}

/// An id as the server keeps it.
pub(super) fn log_id(reply: Reply) -> Result<LogId> {
    parsed(&reply.text("the id of a log").map_err(damaged)?)
}

fn parsed(text: &str) -> Result<LogId> {
    Ok(LogId::from_uuid(Uuid::parse_str(text).map_err(damaged)?))
}

fn fields(reply: Reply) -> Result<HashMap<String, String>> {
    let what = "the description of the partitions";
    let list = reply.array(what).map_err(damaged)?.into_iter().next();
    let list = list.ok_or_else(|| damaged(what))?.array(what).map_err(damaged)?;
    let mut texts = list.into_iter().map(|part| part.text(what).map_err(damaged));
    let mut fields = HashMap::new();
    while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
        fields.insert(name?, value?);
    }
    Ok(fields)
}
