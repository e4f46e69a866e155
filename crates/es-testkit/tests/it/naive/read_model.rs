//! A read model: a map of rows beside the checkpoints. A transaction is a list of what to
//! put there.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard},
};

use es_core::{Progress, Result};

use super::Checkpoints;

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) checkpoints: Checkpoints,
    rows: Mutex<BTreeMap<String, i64>>,
}

/// The rows that a transaction puts there, in that order.
pub(crate) type Puts = Vec<(String, i64)>;

impl Model {
    /// Takes the progress and puts the rows there, or neither.
    pub(crate) fn commit(&self, puts: Puts, progress: &Progress) -> Result<()> {
        // Held to the end: whoever sees the checkpoint and looks for the rows waits here.
        let mut rows = self.lock();
        self.checkpoints.take(progress)?;
        rows.extend(puts);
        Ok(())
    }

    /// Puts rows there, whoever asks.
    pub(crate) fn put(&self, puts: Puts) {
        self.lock().extend(puts);
    }

    pub(crate) fn get(&self, key: &str) -> Option<i64> {
        self.lock().get(key).copied()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, i64>> {
        self.rows.lock().unwrap()
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("naive read model")
    }
}
