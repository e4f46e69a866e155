//! An entry of the log: what one append wrote.

use std::collections::HashMap;

use es_core::{Position, Result, StreamId};
use es_redis::Reply;

use crate::error::damaged;

/// What one append wrote, stream by stream, in the order of the log.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The position of its first event.
    pub(crate) first: Position,
    /// The position of its last event.
    pub(crate) last: Position,
    pub(crate) parts: Vec<Part>,
}

/// What an append wrote to one stream.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) stream: StreamId,
    /// The version of its first event.
    pub(crate) version: u64,
    pub(crate) count: u64,
    /// The position of its first event.
    pub(crate) first: Position,
}

/// Names of streams that are known at a time at most.
const NAMES: usize = 4_096;

/// Names of streams that were met. Most entries are about a stream that others are about as
/// well, and to find its name costs a tenth of checking and keeping it again.
#[derive(Default)]
pub(super) struct Names(HashMap<Box<[u8]>, StreamId>);

impl Names {
    fn of(&mut self, name: &[u8]) -> Result<StreamId> {
        if let Some(stream) = self.0.get(name) {
            return Ok(stream.clone());
        }
        if self.0.len() >= NAMES {
            self.0.clear();
        }
        let text = std::str::from_utf8(name).map_err(damaged)?;
        let stream = text.parse::<StreamId>().map_err(damaged)?;
        self.0.insert(name.into(), stream.clone());
        Ok(stream)
    }
}

impl Entry {
    /// From a reply of `XRANGE`: an id and the fields.
    pub(super) fn of(reply: Reply, names: &mut Names) -> Result<Self> {
        let mut reply = reply.array("an entry of the log").map_err(damaged)?.into_iter();
        let (Some(id), Some(fields)) = (reply.next(), reply.next()) else { return Err(wrong()) };
        let id = id.bytes("the id of an entry").map_err(damaged)?;
        let last = id.split(|byte| *byte == b'-').next().and_then(number).ok_or_else(wrong)?;
        let fields = fields.array("the fields of an entry").map_err(damaged)?;
        let text = fields.into_iter().nth(1).ok_or_else(wrong)?;
        let text = text.bytes("an entry of the log").map_err(damaged)?;
        let mut parts = Vec::with_capacity(1);
        for line in text.split(|byte| *byte == b'\n') {
            let mut words = line.splitn(3, |byte| *byte == b':');
            let (Some(version), Some(count)) =
                (words.next().and_then(number), words.next().and_then(number))
            else {
                return Err(wrong());
            };
            let stream = names.of(words.next().ok_or_else(wrong)?)?;
            parts.push(Part { stream, version, count, first: Position::START });
        }
        let total: u64 = parts.iter().map(|part| part.count).sum();
        let before = last.checked_sub(total).ok_or_else(wrong)?;
        let mut next = before + 1;
        for part in &mut parts {
            part.first = Position::new(next);
            next += part.count;
        }
        Ok(Self { first: Position::new(before + 1), last: Position::new(last), parts })
    }

    /// The stream and version of the event at a position of this entry.
    pub(crate) fn place(&self, position: Position) -> Option<(&StreamId, u64)> {
        let part = self.parts.iter().rev().find(|part| part.first <= position)?;
        let offset = position.get() - part.first.get();
        (offset < part.count).then(|| (&part.stream, part.version + offset))
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn wrong() -> es_core::Error {
    damaged("an entry of the log makes no sense")
}
