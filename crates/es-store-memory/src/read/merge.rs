//! Several runs as one: in order, every position once.

use std::{cmp::Reverse, collections::BinaryHeap};

use es_core::Direction;

use super::run::Run;

/// How many positions are copied out of a list at a time.
const BLOCK: u32 = 64;

/// The positions of several runs, in order of the read, every position once.
pub(super) struct Merge {
    direction: Direction,
    sources: Vec<Source>,
    /// The next position of each source as a key that grows in reading order, and which
    /// source it is of. Not used for a single source.
    heap: BinaryHeap<Reverse<(u32, usize)>>,
    last: Option<u32>,
}

struct Source {
    run: Run,
    /// The next positions, the one to come first last.
    block: Vec<u32>,
}

impl Merge {
    pub(super) fn new(runs: Vec<Run>, direction: Direction) -> Self {
        let sources = runs.into_iter().map(|run| Source { run, block: Vec::new() });
        let mut merge =
            Self { direction, sources: sources.collect(), heap: BinaryHeap::new(), last: None };
        if merge.sources.len() > 1 {
            (0..merge.sources.len()).for_each(|source| merge.refill(source));
        }
        merge
    }

    /// How many positions are left at most.
    pub(super) fn left(&self) -> usize {
        let left = |source: &Source| source.run.len() as usize + source.block.len();
        self.sources.iter().map(left).sum::<usize>() + self.heap.len()
    }

    /// The next position.
    pub(super) fn next(&mut self) -> Option<u32> {
        if let [only] = &mut self.sources[..] {
            return only.next(self.direction);
        }
        loop {
            let Reverse((key, source)) = self.heap.pop()?;
            self.refill(source);
            // The same position may be in several runs.
            if self.last != Some(key) {
                self.last = Some(key);
                return Some(position_of(key, self.direction));
            }
        }
    }

    /// Puts the next position of a source into the heap.
    fn refill(&mut self, source: usize) {
        let next = self.sources.get_mut(source).and_then(|source| source.next(self.direction));
        if let Some(position) = next {
            let key = position_of(position, self.direction);
            self.heap.push(Reverse((key, source)));
        }
    }
}

impl Source {
    fn next(&mut self, direction: Direction) -> Option<u32> {
        if self.block.is_empty() {
            self.run.take(direction, BLOCK, &mut self.block);
        }
        self.block.pop()
    }
}

/// From a position to a key that grows in reading order, and back.
const fn position_of(key: u32, direction: Direction) -> u32 {
    match direction {
        Direction::Forward => key,
        Direction::Backward => u32::MAX - key,
    }
}
