//! What a feed read last, and how far those have got who take from it.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use es_core::{Error, Position};

use super::chunk::{self, Chunk};

/// Events that a window keeps, at most, beyond those that are still to be taken.
const EVENTS: usize = 4_096;

/// Bytes of payloads, likewise.
const BYTES: usize = 16 << 20;

/// Chunks, likewise: they may be empty.
const CHUNKS: usize = 256;

/// What is read ahead of the first of those who take from it, in chunks.
const AHEAD: usize = 2;

/// Chunks without a gap between them.
#[derive(Debug)]
pub(super) struct Window {
    /// Where it begins, while nothing is in it.
    start: Position,
    /// Whether what the first of the readers has passed may be wanted by another one. If not, it
    /// goes at once: what is made next then takes its place while that is in the cache.
    keeps: bool,
    chunks: VecDeque<Arc<Chunk>>,
    events: usize,
    bytes: usize,
    readers: HashMap<u64, Position>,
    /// Whether the log was seen to end where the window does.
    is_end: bool,
    /// Why the last read failed, until one does not.
    pub(super) trouble: Option<String>,
    /// Why there will be no more.
    pub(super) ended: Option<Arc<Error>>,
}

impl Window {
    pub(super) fn new(start: Position, keeps: bool) -> Self {
        Self {
            start,
            keeps,
            chunks: VecDeque::new(),
            events: 0,
            bytes: 0,
            readers: HashMap::new(),
            is_end: false,
            trouble: None,
            ended: None,
        }
    }

    /// Where it ends.
    pub(super) fn end(&self) -> Position {
        self.chunks.back().map_or(self.start, |chunk| chunk.up_to)
    }

    /// Takes note of a log that ends where the window does. A chunk that is full ends before that
    /// is known.
    pub(super) fn reach_end(&mut self) {
        self.is_end = true;
    }

    /// Whether nothing comes behind `cursor`, as far as was seen.
    pub(super) fn ends_at(&self, cursor: Position) -> bool {
        self.is_end && cursor == self.end()
    }

    /// What draws a reader to it: where it ends, and how many others are there.
    pub(super) fn attraction(&self, reader: u64) -> (Position, usize) {
        (self.end(), self.readers.keys().filter(|other| **other != reader).count())
    }

    /// Whether it has, or will have, what comes behind `cursor`.
    pub(super) fn reaches(&self, cursor: Position) -> bool {
        let begin = self.chunks.front().map_or(self.start, |chunk| chunk.after);
        self.ended.is_none() && begin <= cursor && cursor <= self.end()
    }

    /// The chunk that has what comes behind `cursor`.
    pub(super) fn behind(&self, cursor: Position) -> Option<Arc<Chunk>> {
        if !(self.reaches(cursor) || self.ended.is_some()) {
            return None;
        }
        let at = self.chunks.partition_point(|chunk| chunk.up_to <= cursor);
        let chunk = self.chunks.get(at).filter(|chunk| chunk.after <= cursor);
        chunk.map(Arc::clone)
    }

    /// Takes note of where a reader is, and says where it was.
    pub(super) fn enter(&mut self, reader: u64, cursor: Position) -> Option<Position> {
        self.readers.insert(reader, cursor)
    }

    pub(super) fn leave(&mut self, reader: u64) {
        self.readers.remove(&reader);
    }

    /// Whether enough is there for the first of the readers.
    pub(super) fn is_ahead(&self) -> bool {
        let first = self.readers.values().max().copied().unwrap_or(self.start);
        let next = self.chunks.partition_point(|chunk| chunk.up_to <= first);
        self.chunks.len() - next >= AHEAD
    }

    /// Whether the oldest chunk has to go for the next one, and somebody still needs it, short of the end of
    /// the log. Whoever was left behind already does not count; unless all have come, somebody may need it.
    pub(super) fn leaves_somebody_behind(&self, have_all_come: bool) -> bool {
        let needs = |oldest: &Chunk, at: &Position| oldest.after <= *at && *at < oldest.up_to;
        let is_full = self.is_full_with(self.events + chunk::EVENTS, self.bytes + chunk::BYTES, 1);
        is_full
            && self.chunks.back().is_some_and(|newest| !newest.is_end)
            && (!have_all_come
                || self
                    .chunks
                    .front()
                    .is_some_and(|c| self.readers.values().any(|at| needs(c, at))))
    }

    pub(super) fn push(&mut self, chunk: Chunk) {
        self.trouble = None;
        self.is_end = chunk.is_end;
        self.events += chunk.events.len();
        self.bytes += chunk.bytes;
        self.chunks.push_back(Arc::new(chunk));
        while (self.is_full_with(self.events, self.bytes, 0) && self.chunks.len() > AHEAD)
            || self.is_used_up()
        {
            if let Some(oldest) = self.chunks.pop_front() {
                self.events -= oldest.events.len();
                self.bytes -= oldest.bytes;
                self.start = oldest.up_to;
            }
        }
    }

    /// Whether nobody will want the oldest chunk any more.
    fn is_used_up(&self) -> bool {
        let is_passed = |chunk: &Arc<Chunk>| self.readers.values().all(|at| chunk.up_to <= *at);
        !self.keeps && !self.readers.is_empty() && self.chunks.front().is_some_and(is_passed)
    }

    fn is_full_with(&self, events: usize, bytes: usize, more_chunks: usize) -> bool {
        events > EVENTS || bytes > BYTES || self.chunks.len() + more_chunks > CHUNKS
    }
}

#[cfg(test)]
mod tests {
    //! What is kept for whom.

    use super::*;

    fn window(keeps: bool, chunks: u64) -> Window {
        let mut window = Window::new(Position::START, keeps);
        window.enter(1, Position::START);
        for number in 0..chunks {
            window.push(chunk(number));
        }
        window
    }

    fn chunk(number: u64) -> Chunk {
        let (after, up_to) = (Position::new(number * 10), Position::new(number * 10 + 10));
        Chunk { after, up_to, events: Vec::new(), is_end: false, bytes: 0, broken: None }
    }

    #[test]
    fn what_nobody_else_may_want_goes_once_it_is_passed_and_nothing_before() {
        let mut window = window(false, 3);
        assert!(window.reaches(Position::START), "it was not passed");
        window.enter(1, Position::new(19));
        window.push(chunk(3));
        assert!(!window.reaches(Position::START) && window.reaches(Position::new(19)));
        assert_eq!(window.behind(Position::new(19)).map(|c| c.up_to), Some(Position::new(20)));
        window.enter(1, Position::new(40));
        window.push(chunk(4));
        assert_eq!(window.behind(Position::new(40)).map(|c| c.up_to), Some(Position::new(50)));
        assert_eq!((window.end(), window.chunks.len()), (Position::new(50), 1));
    }

    #[test]
    fn what_another_may_want_is_kept() {
        let mut window = window(true, 3);
        window.enter(1, Position::new(30));
        window.push(chunk(3));
        assert!(window.reaches(Position::START));
    }

    /// A chunk that is full is there before it is known that nothing follows.
    #[test]
    fn the_end_of_the_log_is_where_it_was_seen_last() {
        let mut window = window(true, 1);
        assert!(!window.ends_at(Position::new(10)));
        window.reach_end();
        assert!(window.ends_at(Position::new(10)) && !window.ends_at(Position::new(9)));
        window.push(chunk(1));
        assert!(!window.ends_at(Position::new(20)) && !window.ends_at(Position::new(10)));
    }
}
