//! Where each append began: a bit per position.

use std::ops::RangeInclusive;

/// Which positions are those of the first event of an append. It belongs to the writer.
///
/// *Hazard.* A vector that grows moves, and meanwhile every writer waits. *Mechanism.* Bits
/// lie in blocks that stay; only the list of blocks moves. *Cost.* To find where an append
/// ends, as many words are looked at as it has events, divided by 64.
pub(crate) struct Starts {
    blocks: Vec<Box<[u64; WORDS]>>,
}

const WORDS: usize = 512;
const BITS: u32 = u64::BITS;

impl Starts {
    pub(crate) const fn new() -> Self {
        Self { blocks: Vec::new() }
    }

    /// Notes that an append begins at `position`.
    pub(crate) fn insert(&mut self, position: u32) {
        let (word, bit) = place(position);
        while self.blocks.len() * WORDS <= word {
            self.blocks.push(Box::new([0; WORDS]));
        }
        if let Some(block) = self.blocks.get_mut(word / WORDS) {
            block[word % WORDS] |= 1 << bit;
        }
    }

    /// The positions of the append that brought the event at `position`, in a log that ends
    /// at `head`.
    pub(crate) fn span(&self, position: u32, head: u32) -> RangeInclusive<u32> {
        let first = self.last_up_to(position).unwrap_or(position);
        let last = self.first_behind(position, head).map_or(head, |next| next - 1);
        first..=last
    }

    fn last_up_to(&self, position: u32) -> Option<u32> {
        let (word, bit) = place(position);
        let below = |at| if at == word { u64::MAX >> (BITS - 1 - bit) } else { u64::MAX };
        (0..=word).rev().find_map(|at| {
            let bits = self.word(at) & below(at);
            (bits != 0).then(|| position_of(at, bits.ilog2()))
        })
    }

    fn first_behind(&self, position: u32, head: u32) -> Option<u32> {
        let (word, bit) = place(position.saturating_add(1));
        let above = |at| if at == word { u64::MAX << bit } else { u64::MAX };
        (word..=place(head).0).find_map(|at| {
            let bits = self.word(at) & above(at);
            (bits != 0).then(|| position_of(at, bits.trailing_zeros()))
        })
    }

    fn word(&self, at: usize) -> u64 {
        self.blocks.get(at / WORDS).map_or(0, |block| block[at % WORDS])
    }
}

const fn place(position: u32) -> (usize, u32) {
    ((position / BITS) as usize, position % BITS)
}

/// It fits, because `word` is of a position.
fn position_of(word: usize, bit: u32) -> u32 {
    u32::try_from(word).map_or(u32::MAX, |word| word.saturating_mul(BITS).saturating_add(bit))
}
