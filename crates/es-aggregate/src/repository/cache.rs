//! Folded states kept between commands, one slot per stream.

use std::sync::{Arc, Mutex, PoisonError};

use es_core::StreamId;
use lru::LruCache;

use crate::{Aggregate, Root};

/// The place of one stream's state. Whoever holds its lock may execute a command.
pub(super) type SharedSlot<A> = Arc<tokio::sync::Mutex<Option<Root<A>>>>;

/// A locked slot.
pub(super) type Slot<'a, A> = tokio::sync::MutexGuard<'a, Option<Root<A>>>;

/// The states of the streams that were used last.
pub(super) struct Cache<A: Aggregate> {
    slots: Mutex<LruCache<StreamId, SharedSlot<A>>>,
    capacity: usize,
}

impl<A: Aggregate> Cache<A> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { slots: Mutex::new(LruCache::unbounded()), capacity }
    }

    /// The slot of `stream`, made if need be.
    ///
    /// *Hazard.* If a slot were evicted while a command holds it, the next command on that
    /// stream would get another slot, and the two would run beside each other.
    /// *Mechanism.* A slot that anybody holds is not evicted: the clone is counted under
    /// the same lock. *Cost.* With more commands under way than `capacity`, the cache grows
    /// to that number until they are done.
    pub(super) fn slot(&self, stream: &StreamId) -> SharedSlot<A> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = Arc::clone(slots.get_or_insert(stream.clone(), SharedSlot::default));
        self.evict(&mut slots);
        slot
    }

    fn evict(&self, slots: &mut LruCache<StreamId, SharedSlot<A>>) {
        for _ in 0..slots.len() {
            if slots.len() <= self.capacity {
                return;
            }
            let Some((stream, slot)) = slots.pop_lru() else {
                return;
            };
            if Arc::strong_count(&slot) > 1 {
                slots.put(stream, slot);
            }
        }
    }
}
