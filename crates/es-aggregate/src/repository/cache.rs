//! Folded states kept between commands, one slot per stream.

#[cfg(test)]
mod tests;

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
};

use es_core::StreamId;
use lru::LruCache;

use crate::{Aggregate, Root};

/// How many shards a large cache has: enough that commands on different streams seldom
/// meet at one lock.
const MOST_SHARDS: usize = 16;
/// How many slots a shard has at least. A shard forgets the stream that was used last of
/// its own, not of all; with this many the difference does not matter.
const SLOTS_PER_SHARD: usize = 64;

/// The place of one stream's state. Whoever holds its lock may execute a command.
pub(super) type SharedSlot<A> = Arc<tokio::sync::Mutex<Option<Root<A>>>>;

/// A locked slot.
pub(super) type Slot<'a, A> = tokio::sync::MutexGuard<'a, Option<Root<A>>>;

/// The states of the streams that were used last.
///
/// A stream belongs to one shard, by its hash, so that commands on different streams do not
/// queue for one lock. A small cache has one shard and forgets in the exact order of use.
pub(super) struct Cache<A: Aggregate> {
    first: Shard<A>,
    others: Box<[Shard<A>]>,
    hasher: RandomState,
}

/// Aligned, so that the locks of two shards never share a line of the processor's cache.
#[repr(align(128))]
struct Shard<A: Aggregate> {
    slots: Mutex<LruCache<StreamId, SharedSlot<A>>>,
    capacity: usize,
}

impl<A: Aggregate> Cache<A> {
    /// Keeps up to `capacity` states, shared out among the shards.
    pub(super) fn new(capacity: usize) -> Self {
        let count = (capacity / SLOTS_PER_SHARD).clamp(1, MOST_SHARDS);
        let shard = |n| Shard::new(capacity / count + usize::from(n < capacity % count));
        let others = (1..count).map(shard).collect();
        Self { first: shard(0), others, hasher: RandomState::new() }
    }

    /// The slot of `stream`, made if need be.
    pub(super) fn slot(&self, stream: &StreamId) -> SharedSlot<A> {
        let count = self.others.len() as u64 + 1;
        let place = usize::try_from(self.hasher.hash_one(stream) % count);
        let other = place.ok().and_then(|place| self.others.get(place));
        other.unwrap_or(&self.first).slot(stream)
    }
}

impl<A: Aggregate> Shard<A> {
    fn new(capacity: usize) -> Self {
        Self { slots: Mutex::new(LruCache::unbounded()), capacity }
    }

    /// The slot of `stream`, made if need be.
    ///
    /// *Hazard.* If a slot were evicted while a command holds it, the next command on that
    /// stream would get another slot, and the two would run beside each other.
    /// *Mechanism.* A slot that anybody holds is not evicted: the clone is counted under
    /// the same lock, and a stream always meets the same shard. *Cost.* With more commands
    /// under way than `capacity`, the shard grows to that number until they are done.
    fn slot(&self, stream: &StreamId) -> SharedSlot<A> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = Arc::clone(slots.get_or_insert_ref(stream, SharedSlot::default));
        let evicted = self.evict(&mut slots);
        drop(slots);
        drop(evicted); // without the lock: what a state does when it is dropped is not ours
        slot
    }

    /// Takes out the slots that were used longest ago, as long as there are too many.
    fn evict(&self, slots: &mut LruCache<StreamId, SharedSlot<A>>) -> Vec<SharedSlot<A>> {
        let mut evicted = Vec::new();
        for _ in 0..slots.len() {
            if slots.len() <= self.capacity {
                break;
            }
            let Some((stream, slot)) = slots.pop_lru() else {
                break;
            };
            if Arc::strong_count(&slot) > 1 {
                slots.put(stream, slot);
            } else {
                evicted.push(slot);
            }
        }
        evicted
    }
}
