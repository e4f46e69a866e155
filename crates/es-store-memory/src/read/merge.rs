//! Several runs as one: in order, every position once.

use std::{cmp::Reverse, collections::BinaryHeap};

use es_core::Direction;

use super::run::Run;

/// How many positions are copied out of a list at a time.
const BLOCK: u32 = 64;

/// The positions of several runs, in order of the read, every position once.
pub(super) struct Merge {
    direction: Direction,
    sources: Sources,
}

enum Sources {
    /// As for a read of one stream: nothing is to be merged, and nothing is allocated for
    /// that.
    One(Source),
    Several(Several),
}

struct Several {
    sources: Vec<Source>,
    /// The next position of each source as a key that grows in reading order, and which
    /// source it is of.
    heap: BinaryHeap<Reverse<(u32, usize)>>,
    last: Option<u32>,
}

struct Source {
    run: Run,
    /// The next positions, the one to come first last.
    block: Vec<u32>,
}

impl Merge {
    pub(super) fn new(mut runs: Vec<Run>, direction: Direction) -> Self {
        if runs.len() == 1
            && let Some(only) = runs.pop()
        {
            return Self::of(only, direction);
        }
        Self { direction, sources: Sources::Several(Several::new(runs, direction)) }
    }

    /// The positions of a single run.
    pub(super) const fn of(run: Run, direction: Direction) -> Self {
        Self { direction, sources: Sources::One(Source { run, block: Vec::new() }) }
    }

    /// How many positions are left at most.
    pub(super) fn left(&self) -> usize {
        match &self.sources {
            Sources::One(only) => only.left(),
            Sources::Several(several) => several.left(),
        }
    }

    /// Up to `most` of the next positions, where nothing is to be merged.
    pub(super) fn next_block(&mut self, most: usize) -> Option<Vec<u32>> {
        match &mut self.sources {
            Sources::One(only) => Some(only.next_block(self.direction, most)),
            Sources::Several(_) => None,
        }
    }

    /// The next position.
    pub(super) fn next(&mut self) -> Option<u32> {
        match &mut self.sources {
            Sources::One(only) => only.next(self.direction),
            Sources::Several(several) => several.next(self.direction),
        }
    }
}

impl Several {
    fn new(runs: Vec<Run>, direction: Direction) -> Self {
        let sources = runs.into_iter().map(|run| Source { run, block: Vec::new() });
        let mut several = Self { sources: sources.collect(), heap: BinaryHeap::new(), last: None };
        (0..several.sources.len()).for_each(|source| several.refill(source, direction));
        several
    }

    fn left(&self) -> usize {
        self.sources.iter().map(Source::left).sum::<usize>() + self.heap.len()
    }

    fn next(&mut self, direction: Direction) -> Option<u32> {
        loop {
            let Reverse((key, source)) = self.heap.pop()?;
            self.refill(source, direction);
            // The same position may be in several runs.
            if self.last != Some(key) {
                self.last = Some(key);
                return Some(position_of(key, direction));
            }
        }
    }

    /// Puts the next position of a source into the heap.
    fn refill(&mut self, source: usize, direction: Direction) {
        let next = self.sources.get_mut(source).and_then(|source| source.next(direction));
        if let Some(position) = next {
            self.heap.push(Reverse((position_of(position, direction), source)));
        }
    }
}

impl Source {
    fn left(&self) -> usize {
        self.run.len() as usize + self.block.len()
    }

    /// What is in the block already is not counted: it goes one way or the other.
    fn next_block(&mut self, direction: Direction, most: usize) -> Vec<u32> {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let mut block = Vec::with_capacity(most.min(self.run.len()) as usize);
        self.run.take(direction, most, &mut block);
        block.reverse();
        block
    }

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
