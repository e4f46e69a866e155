//! The events in the order of their positions, and where each id is.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use es_core::{Envelope, EventId, Timestamp};
use hashbrown::HashTable;

/// The highest position that the store can give. Positions are kept in 32 bits, because
/// every event stands in several lists of them.
pub(crate) const LAST_POSITION: u32 = u32::MAX - 1;

/// All events; the one at index `i` has position `i + 1`. It is read without a lock.
pub(crate) struct Log {
    events: boxcar::Vec<Arc<Envelope>>,
}

impl Log {
    pub(crate) const fn new() -> Self {
        Self { events: boxcar::Vec::new() }
    }

    pub(crate) fn get(&self, position: u32) -> Option<&Arc<Envelope>> {
        self.events.get((position as usize).checked_sub(1)?)
    }

    /// Adds the event of the next position. For the one who holds the writer's lock.
    pub(crate) fn push(&self, envelope: Arc<Envelope>) {
        self.events.push(envelope);
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

/// Where each event id is in the log. It keeps positions only and reads the ids from the
/// log, and it belongs to the writer.
///
/// *Hazard.* A hash table that is full moves all its entries at once, and finding the place
/// of each reads the log. With ten million events that would hold every writer up for a
/// second. *Mechanism.* There are many small tables instead, chosen by bits of the hash
/// that the tables do not use. *Cost.* 8 KiB for an empty store.
pub(crate) struct EventIds {
    tables: Vec<HashTable<u32>>,
}

const TABLES: usize = 256;

impl EventIds {
    pub(crate) fn new() -> Self {
        Self { tables: (0..TABLES).map(|_| HashTable::new()).collect() }
    }

    /// The position of the event with this id.
    pub(crate) fn find(&self, id: HashedId, log: &Log) -> Option<u32> {
        let has_id = |position: &u32| log.get(*position).is_some_and(|e| e.id == id.id);
        self.tables[id.table()].find(id.hash, has_id).copied()
    }

    /// Notes where an event is that the log has already.
    pub(crate) fn insert(&mut self, id: HashedId, position: u32, log: &Log, hasher: &IdHasher) {
        let hash = |position: &u32| log.get(*position).map_or(0, |e| hasher.hash(e.id).hash);
        self.tables[id.table()].insert_unique(id.hash, position, hash);
    }
}

/// An id and its hash, which is computed before the writer's lock is taken.
#[derive(Clone, Copy)]
pub(crate) struct HashedId {
    id: EventId,
    hash: u64,
}

impl HashedId {
    /// hashbrown looks at the lowest bits and at the highest seven.
    const fn table(self) -> usize {
        (self.hash >> 40) as usize % TABLES
    }
}

/// Hashes ids. Keyed, because an id may be chosen by a stranger (an idempotency key, say),
/// who could else choose many that collide.
pub(crate) struct IdHasher(RandomState);

impl IdHasher {
    pub(crate) fn new() -> Self {
        Self(RandomState::new())
    }

    pub(crate) fn hash(&self, id: EventId) -> HashedId {
        let hash = self.0.hash_one(id);
        HashedId { id, hash }
    }
}
