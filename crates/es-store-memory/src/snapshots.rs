//! A store of snapshots.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fmt::{self, Debug, Display},
    sync::{Arc, PoisonError, RwLock},
};

use async_trait::async_trait;
use es_core::{Result, Snapshot, SnapshotKey, SnapshotStore};

/// Snapshots in the memory of the process, without a bound. Cloning it copies the handle.
#[derive(Clone, Default)]
pub struct MemorySnapshotStore {
    snapshots: Arc<RwLock<HashMap<SnapshotKey, Snapshot>>>,
}

impl MemorySnapshotStore {
    /// A store without snapshots.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

// A poisoned lock is taken all the same: no foreign code runs under it, and each change is
// one step.
#[async_trait]
impl SnapshotStore for MemorySnapshotStore {
    async fn load(&self, key: &SnapshotKey) -> Result<Option<Snapshot>> {
        let snapshots = self.snapshots.read();
        let snapshots = snapshots.unwrap_or_else(PoisonError::into_inner);
        Ok(snapshots.get(key).cloned())
    }

    async fn save(&self, snapshot: Snapshot) -> Result<()> {
        let snapshots = self.snapshots.write();
        let mut snapshots = snapshots.unwrap_or_else(PoisonError::into_inner);
        let is_outdone = snapshots
            .get(&snapshot.key)
            .is_some_and(|known| known.log == snapshot.log && known.version > snapshot.version);
        if !is_outdone {
            snapshots.insert(snapshot.key.clone(), snapshot);
        }
        Ok(())
    }

    async fn delete(&self, key: &SnapshotKey) -> Result<()> {
        let snapshots = self.snapshots.write();
        let mut snapshots = snapshots.unwrap_or_else(PoisonError::into_inner);
        snapshots.remove(key);
        Ok(())
    }
}

impl Debug for MemorySnapshotStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySnapshotStore").finish_non_exhaustive()
    }
}

impl Display for MemorySnapshotStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}
