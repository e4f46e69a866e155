//! Runs of events that lie together in one stream, and how they are fetched.

use std::{cmp::Reverse, collections::HashMap};

use es_core::{Direction, Position, Result, StreamId, Version};
use es_redis::{Command, Reply};

use super::item::Item;
use crate::{error::damaged, keys::Keys, record::Decoder};

/// Records that one command asks for at most. The client looks through a reply from its
/// beginning whenever more of it has arrived, so one long reply costs it more than the same
/// records in several.
const PIECE: u64 = 128;

/// The furthest place in a list that can be named.
const LAST: u64 = i64::MAX.unsigned_abs();

/// Events that room is made for beforehand at most.
const ROOM: u64 = 4_096;

/// A run of events that lie together in one stream.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) stream: StreamId,
    /// The version of its first event.
    pub(crate) version: u64,
    pub(crate) count: u64,
}

impl Run {
    /// Takes events of the same stream that lie before or behind this run, if they do.
    fn takes(&mut self, version: u64, count: u64) -> bool {
        let is_behind = self.version + self.count == version;
        let is_before = version + count == self.version;
        if is_before {
            self.version = version;
        }
        if is_behind || is_before {
            self.count += count;
        }
        is_behind || is_before
    }

    /// The commands that fetch it.
    pub(super) fn commands<'a>(&self, keys: &'a Keys) -> impl Iterator<Item = Command> + use<'a> {
        let key = bytes::Bytes::from(keys.stream(&self.stream));
        let (first, end) = (self.version - 1, (self.version - 1).saturating_add(self.count));
        (0..self.count.div_ceil(PIECE)).map(move |piece| {
            let from = first + piece * PIECE;
            let last = from.saturating_add(PIECE).min(end) - 1;
            // No list is as long as what the server can count, and beyond that it refuses.
            Command::new("LRANGE").key(&key).arg(from.min(LAST)).arg(last.min(LAST))
        })
    }
}

/// What is made of the replies to the commands of some runs, one after the other.
pub(super) struct Taking<T> {
    pub(super) events: Vec<T>,
    /// Replies that came behind those of all runs.
    pub(super) rest: Vec<Reply>,
    /// Whether a run has fewer events than was asked for.
    pub(super) is_short: bool,
    decoder: Decoder,
    /// The run whose reply comes next, and how many pieces and events of it were taken.
    run: usize,
    pieces: u64,
    count: u64,
    /// Whether the end of its stream was seen.
    is_over: bool,
}

impl<T> Taking<T> {
    /// With room for the events of all runs, as far as a page has them.
    pub(super) fn of(runs: &[Run]) -> Self {
        let count = runs.iter().map(|run| run.count).fold(0, u64::saturating_add);
        let events = Vec::with_capacity(usize::try_from(count.min(ROOM)).unwrap_or(0));
        let (rest, decoder) = (Vec::new(), Decoder::default());
        let (is_short, run, pieces, count, is_over) = (false, 0, 0, 0, false);
        Self { events, rest, is_short, decoder, run, pieces, count, is_over }
    }
}

impl<T: Item> Taking<T> {
    /// Adds the events in a reply.
    pub(super) fn take(&mut self, runs: &[Run], reply: Reply) -> Result<()> {
        let Some(run) = runs.get(self.run) else {
            self.rest.push(reply);
            return Ok(());
        };
        // Somebody may append between two commands: what comes behind an end that was seen
        // would come behind a hole.
        if !self.is_over {
            let records = reply.array("a stream").map_err(damaged)?;
            self.is_over = (records.len() as u64) < PIECE;
            for record in records {
                let record = record.bytes("a record").map_err(damaged)?;
                let version = Version::new(run.version + self.count)?;
                self.events.push(T::of(&mut self.decoder, record, &run.stream, version)?);
                self.count += 1;
            }
        }
        self.pieces += 1;
        if self.pieces >= run.count.div_ceil(PIECE) {
            self.is_short |= self.count != run.count;
            (self.run, self.pieces, self.count, self.is_over) = (self.run + 1, 0, 0, false);
        }
        Ok(())
    }
}

/// The runs of a page. Those of one stream that follow each other become one, so that a page
/// costs a command for each stream and not for each append.
#[derive(Default)]
pub(super) struct Runs {
    runs: Vec<Run>,
    /// Where the last run of a stream stands.
    last: HashMap<StreamId, usize>,
}

impl Runs {
    pub(super) fn add(&mut self, stream: &StreamId, version: u64, count: u64) {
        let last = self.last.get(stream).and_then(|at| self.runs.get_mut(*at));
        if last.is_some_and(|last| last.takes(version, count)) {
            return;
        }
        self.last.insert(stream.clone(), self.runs.len());
        self.runs.push(Run { stream: stream.clone(), version, count });
    }

    pub(super) fn into_vec(self) -> Vec<Run> {
        self.runs
    }
}

/// Puts the events of several runs in the order of the log, or in the opposite one.
pub(super) fn in_order<T: Item>(page: Vec<T>, direction: Direction) -> Vec<T> {
    // Places are sorted in the place of events, which are larger by far. Each run is in order
    // already, which this sort makes use of.
    let places = page.iter().zip(0..).map(|(event, at)| (event.seen().position, at));
    let mut places: Vec<(Position, usize)> = places.collect();
    match direction {
        Direction::Forward => places.sort_by_key(|place| place.0),
        Direction::Backward => places.sort_by_key(|place| Reverse(place.0)),
    }
    let mut page: Vec<Option<T>> = page.into_iter().map(Some).collect();
    let mut sorted = Vec::with_capacity(page.len());
    sorted.extend(places.into_iter().filter_map(|(_, at)| page.get_mut(at)?.take()));
    sorted
}

#[cfg(test)]
mod tests;
