//! Reading where one is asked, without another thread.
//!
//! *Hazard.* A thread of a runtime that waits for a disk or for a lock keeps other tasks
//! waiting; but a hop to another thread and back takes several times as long as the read of
//! a short stream that SQLite or the system has in memory, which is nearly all of them.
//! *Mechanism.* Some connections are set aside for reads of few rows of one index. They never
//! wait for a lock: who finds one taken, or the database busy, takes the other way. When a
//! read was slow all the same, the disk had to be asked: then the next reads go the other
//! way, before it is tried again. *Cost.* One slow read in some hundreds is waited for on a
//! thread of the runtime while the disk is slow; a few rows too many in the page caches.

use std::{
    sync::{
        Mutex, TryLockError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use es_core::{ErrorKind, Result};
use rusqlite::Connection;

use crate::read::Names;

/// A read that takes longer has waited for something. Some ten times what the longest takes
/// from memory.
const SLOW: Duration = Duration::from_millis(1);
/// So many reads go the other way then.
const DETOURS: u32 = 256;

/// Connections to read with on the thread that asks.
pub(crate) struct Near {
    seats: Vec<Mutex<Seat>>,
    detours: AtomicU32,
}

struct Seat {
    connection: Connection,
    names: Names,
}

impl Near {
    /// The connections must be ones that do not wait for locks.
    pub(crate) fn new(connections: Vec<Connection>) -> Self {
        let seat = |connection| Mutex::new(Seat { connection, names: Names::default() });
        let seats = connections.into_iter().map(seat).collect();
        Self { seats, detours: AtomicU32::new(0) }
    }

    /// Does `work` here and now; nothing when it has to be done by the threads that read.
    pub(crate) fn attempt<T>(
        &self,
        work: impl FnOnce(&Connection, &mut Names) -> Result<T>,
    ) -> Option<Result<T>> {
        if self.is_detour() {
            return None;
        }
        let mut seat = self.seats.iter().find_map(|seat| match seat.try_lock() {
            Ok(seat) => Some(seat),
            // Names are kept whole; whoever panicked did so elsewhere.
            Err(TryLockError::Poisoned(seat)) => Some(seat.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        })?;
        let begun = Instant::now();
        let Seat { connection, names } = &mut *seat;
        let result = work(connection, names);
        if begun.elapsed() > SLOW {
            self.detours.store(DETOURS, Ordering::Relaxed);
        }
        let is_busy = matches!(&result, Err(error) if error.kind() == ErrorKind::Busy);
        (!is_busy).then_some(result)
    }

    fn is_detour(&self) -> bool {
        // Two who count at once may count one for two: it is a hint.
        match self.detours.load(Ordering::Relaxed) {
            0 => false,
            left => {
                self.detours.store(left - 1, Ordering::Relaxed);
                true
            }
        }
    }
}
