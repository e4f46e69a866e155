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

/// Where each event id is in the log. It keeps positions only and compares ids with the
/// log, and it belongs to the writer.
///
/// *Hazard.* A hash table that is full moves all its entries at once, and meanwhile every
/// writer waits: with ten million events for a tenth of a second, and for a second if it
/// has to fetch each id from the log to hash it again. *Mechanism.* An entry keeps a part
/// of its hash, and there are many small tables, chosen by another part of it. *Cost.* Four
/// bytes per event, and 8 KiB for an empty store.
pub(crate) struct EventIds {
    tables: Vec<HashTable<IdEntry>>,
}

const TABLES: usize = 256;

#[derive(Clone, Copy)]
struct IdEntry {
    hash: u32,
    position: u32,
}

impl EventIds {
    pub(crate) fn new() -> Self {
        Self { tables: (0..TABLES).map(|_| HashTable::new()).collect() }
    }

    /// The position of the event with this id.
    pub(crate) fn find(&self, id: HashedId, log: &Log) -> Option<u32> {
        let is_same = |entry: &IdEntry| {
            entry.hash == id.hash && log.get(entry.position).is_some_and(|e| e.id == id.id)
        };
        let entry = self.tables.get(id.table)?.find(spread(id.hash), is_same);
        entry.map(|entry| entry.position)
    }

    /// Notes where the event with this id is.
    pub(crate) fn insert(&mut self, id: HashedId, position: u32) {
        let hash = id.hash;
        if let Some(table) = self.tables.get_mut(id.table) {
            let entry = IdEntry { hash, position };
            table.insert_unique(spread(hash), entry, |entry| spread(entry.hash));
        }
    }
}

/// Spreads a hash over all the bits that hashbrown looks at: the lowest and the highest.
const fn spread(hash: u32) -> u64 {
    (hash as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// An id and its hash, which is computed before the writer's lock is taken.
#[derive(Clone, Copy)]
pub(crate) struct HashedId {
    id: EventId,
    table: usize,
    hash: u32,
}

/// Hashes ids. Keyed, because an id may be chosen by a stranger (as an idempotency key,
/// say), who could else choose many that collide.
pub(crate) struct IdHasher(RandomState);

impl IdHasher {
    pub(crate) fn new() -> Self {
        Self(RandomState::new())
    }

    #[expect(clippy::cast_possible_truncation, reason = "the hash is cut into two parts")]
    pub(crate) fn hash(&self, id: EventId) -> HashedId {
        let hash = self.0.hash_one(id);
        HashedId { id, table: (hash >> 32) as usize % TABLES, hash: hash as u32 }
    }
}
