//! A posting list: the positions of the events that have something in common, in order.
//!
//! *Hazard.* One writer appends while readers look, and a reader must neither wait nor see
//! an entry that is not there yet. A vector that grows would move under the readers.
//! *Mechanism.* Entries never move: the first lie in the list itself, the others in chunks
//! that are linked once and stay. An entry is stored before the length that covers it, and
//! the length is stored with `Release` and read with `Acquire`.
//! *Why it is sound.* Whoever reads a length sees every entry below it, and no entry ever
//! changes. The chunk that an entry lies in is linked before the entry is stored.
//! *Cost.* Each chunk is twice the one before, so finding an entry follows at most
//! thirty links. A list of up to five entries allocates nothing besides itself, which is
//! what keeps a million streams of one event each small.

use std::ops::Range;

use super::sync::{AtomicU32, OnceLock, Ordering};

/// As many as fit without making the list's allocation larger.
const FIRST: usize = 5;
const FIRST_CHUNK: usize = 8;
const GROWTH: usize = 2;

/// The positions of the events that have something in common, in order.
pub(crate) struct Postings {
    len: AtomicU32,
    first: [AtomicU32; FIRST],
    more: OnceLock<Box<Chunk>>,
}

struct Chunk {
    entries: Box<[AtomicU32]>,
    next: OnceLock<Box<Self>>,
}

impl Postings {
    pub(crate) fn new() -> Self {
        Self {
            len: AtomicU32::new(0),
            first: std::array::from_fn(|_| AtomicU32::new(0)),
            more: OnceLock::new(),
        }
    }

    /// Adds a position above all that are there. Only for the one who holds the writer's
    /// lock: two at once would write to the same place.
    pub(crate) fn push(&self, position: u32) {
        let len = self.len.load(Ordering::Relaxed);
        self.place(len as usize).store(position, Ordering::Relaxed);
        self.len.store(len + 1, Ordering::Release);
    }

    /// How many positions there are.
    pub(crate) fn len(&self) -> u32 {
        self.len.load(Ordering::Acquire)
    }

    /// How many positions are at `position` or below it.
    pub(crate) fn count_up_to(&self, position: u32) -> u32 {
        let mut left = self.len() as usize;
        let mut count = 0;
        for part in self.parts() {
            let part = part.get(..left).unwrap_or(part);
            let is_covered = |entry: &AtomicU32| entry.load(Ordering::Relaxed) <= position;
            if !part.last().is_some_and(is_covered) {
                count += part.partition_point(is_covered);
                break;
            }
            count += part.len();
            left -= part.len();
        }
        // It is at most the length, which is a `u32`.
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Appends the entries of `range`, counted from 0, to `positions`. Entries that are not
    /// there are left out.
    pub(crate) fn copy(&self, range: Range<u32>, positions: &mut Vec<u32>) {
        let mut skip = range.start as usize;
        let mut left = range.end.min(self.len()).saturating_sub(range.start) as usize;
        for part in self.parts() {
            if left == 0 {
                return;
            }
            let Some(part) = part.get(skip..) else {
                skip -= part.len();
                continue;
            };
            let part = part.get(..left).unwrap_or(part);
            positions.extend(part.iter().map(|entry| entry.load(Ordering::Relaxed)));
            left -= part.len();
            skip = 0;
        }
    }

    /// The entries, chunk by chunk; those at the length and above mean nothing.
    fn parts(&self) -> impl Iterator<Item = &[AtomicU32]> {
        let chunks = std::iter::successors(self.more.get(), |chunk| chunk.next.get());
        std::iter::once(self.first.as_slice()).chain(chunks.map(|chunk| &*chunk.entries))
    }

    /// The place of entry `index`, in a chunk that is made for it if need be.
    fn place(&self, index: usize) -> &AtomicU32 {
        if let Some(place) = self.first.get(index) {
            return place;
        }
        let mut index = index - FIRST;
        let mut chunk = self.more.get_or_init(|| Chunk::of(FIRST_CHUNK));
        while index >= chunk.entries.len() {
            let size = chunk.entries.len();
            index -= size;
            chunk = chunk.next.get_or_init(|| Chunk::of(size * GROWTH));
        }
        &chunk.entries[index]
    }
}

impl Chunk {
    /// A chunk of zeros.
    ///
    /// Mapping a vector of zeros reuses its allocation, and an optimised build writes none
    /// of it: the memory of a large chunk comes zeroed from the system and takes no room
    /// before it is used. It also keeps the time short that the writer's lock is held.
    fn of(size: usize) -> Box<Self> {
        let zeros: Vec<u32> = vec![0; size];
        let entries: Vec<AtomicU32> = zeros.into_iter().map(AtomicU32::new).collect();
        Box::new(Self { entries: entries.into_boxed_slice(), next: OnceLock::new() })
    }
}
