//! Writing snapshots without making anybody wait: a bounded set of owned tasks.

use std::sync::{Arc, Mutex, PoisonError};

use es_core::{Snapshot, SnapshotStore};
use tokio::{runtime::Handle, task::JoinSet};

/// How many snapshots may be on their way at once; further ones are left out, which costs
/// nothing but a longer fold later.
const MAX_IN_FLIGHT: usize = 8;

/// The tasks that write snapshots. Dropping it stops them: a snapshot is only a cache.
#[derive(Debug, Default)]
pub(super) struct Background {
    tasks: Mutex<JoinSet<()>>,
}

impl Background {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn save(&self, store: Arc<dyn SnapshotStore>, snapshot: Snapshot) {
        let Ok(runtime) = Handle::try_current() else {
            tracing::warn!("no tokio runtime: a snapshot was left out");
            return;
        };
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        if tasks.len() >= MAX_IN_FLIGHT {
            return;
        }
        tasks.spawn_on(
            async move {
                let stream = snapshot.key.stream.clone();
                if let Err(error) = store.save(snapshot).await {
                    tracing::warn!(%stream, %error, "a snapshot could not be saved");
                }
            },
            &runtime,
        );
    }

    pub(super) async fn flush(&self) {
        let mut tasks =
            std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        while tasks.join_next().await.is_some() {}
    }
}
