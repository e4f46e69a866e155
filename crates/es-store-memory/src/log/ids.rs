//! Where each event id is in the log.

use std::hash::{BuildHasher, RandomState};

use es_core::EventId;
use hashbrown::HashTable;

use super::Log;

/// Where each event id is in the log. It keeps positions only and compares ids with the
/// log, and it belongs to the writer.
///
/// *Hazard.* A hash table that is full moves all its entries at once, and meanwhile every
/// writer waits: with ten million events for a tenth of a second, and for a second if it
/// has to fetch each id from the log to hash it again. *Mechanism.* An entry keeps a part
/// of its hash, and there are many small tables, chosen by another part of it. *Cost.* Three
/// bytes per event, and 8 KiB for an empty store.
pub(crate) struct EventIds {
    tables: Vec<HashTable<IdEntry>>,
}

/// As many as a byte tells apart.
const TABLES: usize = 256;

/// Bytes, because as numbers they would take one more for each event.
#[derive(Clone, Copy)]
struct IdEntry {
    hash: [u8; 3],
    position: [u8; 4],
}

impl EventIds {
    pub(crate) fn new() -> Self {
        Self { tables: (0..TABLES).map(|_| HashTable::new()).collect() }
    }

    /// The position of the event with this id.
    pub(crate) fn find(&self, id: HashedId, log: &Log) -> Option<u32> {
        let position = |entry: &IdEntry| u32::from_ne_bytes(entry.position);
        let is_same = |entry: &IdEntry| {
            entry.hash == id.hash && log.get(position(entry)).is_some_and(|e| e.id == id.id)
        };
        self.tables.get(id.table)?.find(spread(id.hash), is_same).map(position)
    }

    /// Notes where the event with this id is.
    pub(crate) fn insert(&mut self, id: HashedId, position: u32) {
        let hash = id.hash;
        if let Some(table) = self.tables.get_mut(id.table) {
            let entry = IdEntry { hash, position: position.to_ne_bytes() };
            table.insert_unique(spread(hash), entry, |entry| spread(entry.hash));
        }
    }
}

/// Spreads a hash over all the bits that hashbrown looks at: the lowest and the highest.
const fn spread([a, b, c]: [u8; 3]) -> u64 {
    (u32::from_ne_bytes([a, b, c, 0]) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// An id and its hash, which is computed before the writer's lock is taken.
#[derive(Clone, Copy)]
pub(crate) struct HashedId {
    id: EventId,
    table: usize,
    hash: [u8; 3],
}

/// Hashes ids. Keyed, because an id may be chosen by a stranger (as an idempotency key,
/// say), who could else choose many that collide.
pub(crate) struct IdHasher(RandomState);

impl IdHasher {
    pub(crate) fn new() -> Self {
        Self(RandomState::new())
    }

    pub(crate) fn hash(&self, id: EventId) -> HashedId {
        let [table, a, b, c, ..] = self.0.hash_one(id).to_ne_bytes();
        HashedId { id, table: usize::from(table), hash: [a, b, c] }
    }
}
