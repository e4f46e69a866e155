//! What all handles of one store share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use es_core::{EventId, Head, LogId, Position, Timestamp};

use crate::{
    clock::Clock,
    index::Index,
    log::{EventIds, IdHasher, LAST_POSITION, Log, Starts},
    publish::Published,
};

/// What all handles of one store share. Everything but `writer` is read without a lock.
pub(crate) struct Shared {
    pub(crate) id: LogId,
    pub(crate) clock: Clock,
    pub(crate) log: Log,
    pub(crate) index: Index,
    pub(crate) published: Published,
    pub(crate) id_hasher: IdHasher,
    /// The highest position that may be given.
    pub(crate) room: u32,
    writer: Mutex<Writer>,
}

/// What only writers need. Whoever holds it may write to the log and the index.
pub(crate) struct Writer {
    pub(crate) ids: EventIds,
    /// The position of the first event of each append.
    pub(crate) starts: Starts,
    /// When the last event was recorded.
    pub(crate) recorded_at: Timestamp,
}

impl Shared {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            id: LogId::generate(),
            clock,
            log: Log::new(),
            index: Index::new(),
            published: Published::new(),
            id_hasher: IdHasher::new(),
            room: LAST_POSITION,
            writer: Mutex::new(Writer {
                ids: EventIds::new(),
                starts: Starts::new(),
                recorded_at: Timestamp::from_micros(i64::MIN),
            }),
        }
    }

    /// Takes the writer's lock. It is held for the time of a few look-ups and never across
    /// an await.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Writer> {
        // Nothing that runs under the lock can panic once it has begun to write (no foreign
        // code runs there, and running out of memory aborts), so a poisoned lock guards
        // consistent data.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn head(&self) -> Head {
        self.head_at(self.published.head())
    }

    pub(crate) fn head_at(&self, position: u32) -> Head {
        Head::new(self.id, Position::new(u64::from(position)))
    }

    /// The position of the event with this id.
    pub(crate) fn find(&self, id: EventId) -> Option<u32> {
        let id = self.id_hasher.hash(id);
        self.lock().ids.find(id, &self.log)
    }
}
