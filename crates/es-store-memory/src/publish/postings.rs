//! A posting list: the positions of the events that have something in common, in order.
//!
//! *Hazard.* One writer appends while readers look, and a reader must neither wait nor see
//! an entry that is not there yet. A vector that grows would move under the readers.
//! *Mechanism.* Entries never move: the first lie in the list itself, the others in chunks
//! that are linked once and stay. An entry is stored before the length that covers it, and
//! the length is stored with `Release` and read with `Acquire`.
//! *Why it is sound.* Whoever reads a length sees every entry below it, and no entry ever
//! changes. The chunk and the page that an entry lies in are linked before the entry is
//! stored.
//! *Cost.* Each chunk is twice the one before, so finding an entry follows at most
//! thirty links. A list of up to five entries allocates nothing besides itself, which is
//! what keeps a million streams of one event each small; a large chunk is made page by
//! page, so that a long list takes little more room than it uses.

use std::ops::Range;

use super::sync::{AtomicU32, OnceLock, Ordering};

/// As many as fit without making the list's allocation larger.
const FIRST: usize = 5;
const FIRST_CHUNK: usize = 8;
const GROWTH: usize = 2;
/// Larger chunks come in pages: of this size at least, and no more than so many.
const PAGE: usize = 1024;
const PAGES: usize = 64;

/// The positions of the events that have something in common, in order.
pub(crate) struct Postings {
    len: AtomicU32,
    first: [AtomicU32; FIRST],
    more: OnceLock<Box<Chunk>>,
}

struct Chunk {
    entries: Entries,
    next: OnceLock<Box<Self>>,
}

enum Entries {
    Whole(Page),
    /// Pages of one size, made one after the other.
    Paged(usize, Box<[OnceLock<Page>]>),
}

type Page = Box<[AtomicU32]>;

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
        let len = self.len() as usize;
        let is_covered = |index: &usize| {
            self.part(*index).first().is_some_and(|entry| entry.load(Ordering::Relaxed) <= position)
        };
        // It is in the chunk that ends behind it; that one is searched.
        let (mut low, mut high) = (0, FIRST.min(len));
        let mut size = FIRST_CHUNK;
        while high < len && is_covered(&(high - 1)) {
            (low, high) = (high, (high + size).min(len));
            size *= GROWTH;
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if is_covered(&middle) { low = middle + 1 } else { high = middle }
        }
        // It is at most the length, which is a `u32`.
        u32::try_from(low).unwrap_or(u32::MAX)
    }

    /// Appends the entries of `range`, counted from 0, to `positions`. Entries that are not
    /// there are left out.
    pub(crate) fn copy(&self, range: Range<u32>, positions: &mut Vec<u32>) {
        let (mut start, end) = (range.start as usize, range.end.min(self.len()) as usize);
        while start < end {
            let part = self.part(start);
            let part = part.get(..end - start).unwrap_or(part);
            if part.is_empty() {
                return;
            }
            positions.extend(part.iter().map(|entry| entry.load(Ordering::Relaxed)));
            start += part.len();
        }
    }

    /// The entries from `index` to the end of whatever they lie in; none if there is no
    /// place for it. Those at the length and above mean nothing.
    fn part(&self, index: usize) -> &[AtomicU32] {
        if let Some(part) = self.first.get(index..).filter(|part| !part.is_empty()) {
            return part;
        }
        let mut index = index - FIRST;
        let mut chunk = self.more.get();
        while let Some(there) = chunk {
            let size = there.entries.len();
            if index < size {
                return there.entries.part(index);
            }
            index -= size;
            chunk = there.next.get();
        }
        &[]
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
        chunk.entries.place(index)
    }
}

impl Chunk {
    fn of(size: usize) -> Box<Self> {
        Box::new(Self { entries: Entries::of(size), next: OnceLock::new() })
    }
}

impl Entries {
    fn of(size: usize) -> Self {
        if size <= PAGE {
            return Self::Whole(zeros(size));
        }
        let page = PAGE.max(size / PAGES);
        Self::Paged(page, (0..size / page).map(|_| OnceLock::new()).collect())
    }

    fn len(&self) -> usize {
        match self {
            Self::Whole(page) => page.len(),
            Self::Paged(size, pages) => size * pages.len(),
        }
    }

    /// The entries from `index` to the end of their page.
    fn part(&self, index: usize) -> &[AtomicU32] {
        let (page, index) = match self {
            Self::Whole(page) => (Some(page), index),
            Self::Paged(size, pages) => (pages[index / size].get(), index % size),
        };
        page.and_then(|page| page.get(index..)).unwrap_or(&[])
    }

    fn place(&self, index: usize) -> &AtomicU32 {
        match self {
            Self::Whole(page) => &page[index],
            Self::Paged(size, pages) => {
                &pages[index / size].get_or_init(|| zeros(*size))[index % size]
            }
        }
    }
}

/// Mapping a vector of zeros reuses its allocation, and an optimised build writes none of
/// it: the memory of a large page comes zeroed from the system. It keeps the time short that
/// the writer's lock is held.
fn zeros(size: usize) -> Page {
    let zeros: Vec<u32> = vec![0; size];
    let entries: Vec<AtomicU32> = zeros.into_iter().map(AtomicU32::new).collect();
    entries.into_boxed_slice()
}
