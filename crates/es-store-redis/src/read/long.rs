//! How much of a long stream comes with the first page when it is read again.
//!
//! *Hazard.* Nobody knows how large the events of a stream are, so a first page asks for few of
//! them, and a long stream takes a second round trip each time that it is loaded. *Mechanism.*
//! How many events came with the first two pages is kept, if all of them together were small, and
//! the next read asks for as many at once, and for some that may have come since. *Why it is
//! sound.* What a log has never changes, so they are as small the next time. *Cost.* The names of
//! some streams; and where those that came since are large, a first page is half as large as one of
//! which nothing is known may be.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use es_core::StreamId;

/// Bytes of payload up to which a first page is known to be small.
const SMALL: u64 = 2 << 20;
/// Streams that are known at a time at most.
const STREAMS: usize = 1_024;

/// Streams that have more events than a first page has, and how many of the first ones are small.
#[derive(Default)]
pub(crate) struct Long(Mutex<HashMap<StreamId, u64>>);

/// The first page of a stream that is read from its beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beginning {
    pub(super) events: u64,
    pub(super) bytes: u64,
}

impl Long {
    /// How many of the first events of a stream are known to be small.
    pub(super) fn known(&self, stream: &StreamId) -> Option<u64> {
        self.streams().get(stream).copied()
    }

    /// Takes note that so many events of so many bytes came behind the beginning of a stream.
    pub(super) fn note(&self, stream: &StreamId, beginning: Beginning, events: u64, bytes: u64) {
        if beginning.bytes.saturating_add(bytes) > SMALL {
            return;
        }
        let mut streams = self.streams();
        if streams.len() >= STREAMS && !streams.contains_key(stream) {
            streams.clear();
        }
        streams.insert(stream.clone(), beginning.events.saturating_add(events));
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<StreamId, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
