//! Snapshots: a map behind a mutex.

use std::{collections::HashMap, fmt, sync::Mutex};

use async_trait::async_trait;
use es_core::{Result, Snapshot, SnapshotKey, SnapshotStore};

#[derive(Debug, Default)]
pub(crate) struct Snapshots(Mutex<HashMap<SnapshotKey, Snapshot>>);

#[async_trait]
impl SnapshotStore for Snapshots {
    async fn load(&self, key: &SnapshotKey) -> Result<Option<Snapshot>> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }

    async fn save(&self, snapshot: Snapshot) -> Result<()> {
        let mut kept = self.0.lock().unwrap();
        let is_newer = |old: &Snapshot| old.log == snapshot.log && old.version > snapshot.version;
        if !kept.get(&snapshot.key).is_some_and(is_newer) {
            kept.insert(snapshot.key.clone(), snapshot);
        }
        Ok(())
    }

    async fn delete(&self, key: &SnapshotKey) -> Result<()> {
        self.0.lock().unwrap().remove(key);
        Ok(())
    }
}

impl fmt::Display for Snapshots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("naive snapshots")
    }
}
