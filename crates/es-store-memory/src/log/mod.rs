//! The events in the order of their positions, where each id is, and where appends began.

mod ids;
mod starts;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use append_only_vec::AppendOnlyVec;
use es_core::{Envelope, Timestamp};

pub(crate) use self::{
    ids::{EventIds, HashedId, IdHasher},
    starts::Starts,
};

/// The highest position that the store can give. Positions are kept in 32 bits, because
/// every event stands in several lists of them.
pub(crate) const LAST_POSITION: u32 = u32::MAX - 1;

/// All events, read without a lock.
///
/// *Hazard.* Lists that readers index while they grow take room ahead, often as much as they
/// hold, or a flag beside each entry. With a pointer per event that is the larger part of
/// what an event costs besides itself. *Mechanism.* A list of chunks, each a list that is
/// exactly full at [`CHUNK`] events. *Cost.* A division and two more pointers to follow for
/// each look-up.
pub(crate) struct Log {
    chunks: boxcar::Vec<Box<Chunk>>,
}

type Chunk = AppendOnlyVec<Arc<Envelope>>;

/// An `AppendOnlyVec` takes room for 8, 16, 32 … entries, one after the other: so many fill
/// the first nine of these, and no room is left over.
const CHUNK: usize = 8 * ((1 << 9) - 1);

impl Log {
    pub(crate) const fn new() -> Self {
        Self { chunks: boxcar::Vec::new() }
    }

    pub(crate) fn get(&self, position: u32) -> Option<&Arc<Envelope>> {
        let index = (position as usize).checked_sub(1)?;
        let chunk = self.chunks.get(index / CHUNK)?;
        let at = index % CHUNK;
        (at < chunk.len()).then(|| &chunk[at])
    }

    /// Adds the event of the next position. For the one who holds the writer's lock.
    pub(crate) fn push(&self, envelope: Arc<Envelope>) {
        let open = self.chunks.count().checked_sub(1).and_then(|last| self.chunks.get(last));
        match open.filter(|chunk| chunk.len() < CHUNK) {
            Some(chunk) => {
                chunk.push(envelope);
            }
            None => {
                let chunk = Chunk::new();
                chunk.push(envelope);
                self.chunks.push(Box::new(chunk));
            }
        }
    }

    /// How many events up to `head` were recorded before `moment`. Times never go back in
    /// the log, so it is also the position of the last of them.
    pub(crate) fn count_before(&self, moment: Timestamp, head: u32) -> u32 {
        self.count_while(head, |recorded_at| recorded_at < moment)
    }

    /// How many events up to `head` were recorded before `moment` or at it.
    pub(crate) fn count_until(&self, moment: Timestamp, head: u32) -> u32 {
        self.count_while(head, |recorded_at| recorded_at <= moment)
    }

    fn count_while(&self, head: u32, is_early: impl Fn(Timestamp) -> bool) -> u32 {
        let (mut early, mut late) = (0, head);
        while early < late {
            let middle = late - (late - early) / 2;
            if self.get(middle).is_some_and(|e| is_early(e.recorded_at)) {
                early = middle;
            } else {
                late = middle - 1;
            }
        }
        early
    }
}
