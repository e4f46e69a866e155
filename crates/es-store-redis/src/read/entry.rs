//! An entry of the log: what one append wrote.

use es_core::{Position, Recorded, Result, StreamId, Version};
use es_redis::Reply;

use crate::{error::damaged, record::Decoder};

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

/// A run of events that lie together in one stream.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) stream: StreamId,
    pub(crate) version: u64,
    pub(crate) count: u64,
}

impl Entry {
    /// From a reply of `XRANGE`: an id and the fields.
    pub(crate) fn of(reply: Reply) -> Result<Self> {
        let mut reply = reply.array("an entry of the log").map_err(damaged)?.into_iter();
        let (Some(id), Some(fields)) = (reply.next(), reply.next()) else { return Err(wrong()) };
        let id = id.text("the id of an entry").map_err(damaged)?;
        let last: u64 = id.split('-').next().and_then(|id| id.parse().ok()).ok_or_else(wrong)?;
        let fields = fields.array("the fields of an entry").map_err(damaged)?;
        let text = fields.into_iter().nth(1).ok_or_else(wrong)?;
        let text = text.text("an entry of the log").map_err(damaged)?;
        let mut parts = Vec::with_capacity(1);
        for line in text.split('\n') {
            let mut words = line.splitn(3, ':');
            let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
            let (Some(version), Some(count)) = (number(), number()) else { return Err(wrong()) };
            let stream = words.next().ok_or_else(wrong)?.parse::<StreamId>().map_err(damaged)?;
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

impl Run {
    /// Takes the event behind this run into it, if it is that.
    pub(crate) fn takes(&mut self, stream: &StreamId, version: u64) -> bool {
        let follows = self.version + self.count == version && self.stream == *stream;
        self.count += u64::from(follows);
        follows
    }
}

/// The events of a list, whose first one has this version.
pub(crate) fn records(reply: Reply, stream: &StreamId, version: u64) -> Result<Vec<Recorded>> {
    let records = reply.array("a stream").map_err(damaged)?;
    let (mut events, mut decoder) = (Vec::with_capacity(records.len()), Decoder::default());
    for (at, record) in (version..).zip(records) {
        let record = record.bytes("a record").map_err(damaged)?;
        events.push(decoder.event(record, stream, Version::new(at)?)?);
    }
    Ok(events)
}

fn wrong() -> es_core::Error {
    damaged("an entry of the log makes no sense")
}
