//! From a root to a snapshot and back. Nothing here may fail a command: a snapshot that
//! cannot be read or written costs time (A5).

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use es_core::{
    BoxError, Error, LogId, Payload, Snapshot, SnapshotKey, SnapshotStore, StreamId, panic_text,
};
use serde::{Serialize, de::DeserializeOwned};

use super::{SnapshotPolicy, background::Background, fingerprint::fingerprint};
use crate::{Aggregate, Root};

/// A snapshot store together with how the state of `A` is written.
///
/// The two functions are kept here so that only
/// [`Repository::with_snapshots`](crate::Repository::with_snapshots) asks for serde.
pub(crate) struct Snapshots<A> {
    store: Arc<dyn SnapshotStore>,
    policy: SnapshotPolicy,
    fingerprint: u64,
    encode: fn(&A) -> es_core::Result<Payload>,
    decode: fn(&Payload) -> Result<A, BoxError>,
    background: Background,
}

/// What came of looking for a snapshot.
pub(crate) enum Found<A: Aggregate> {
    Root(Root<A>),
    Nothing,
    /// It is there, but cannot be loaded or decoded.
    Unusable,
}

impl<A: Aggregate> Snapshots<A> {
    pub(crate) fn new(store: Arc<dyn SnapshotStore>, policy: SnapshotPolicy) -> Self
    where
        A: Serialize + DeserializeOwned,
    {
        Self {
            store,
            policy,
            fingerprint: fingerprint::<A>(A::CATEGORY, A::STATE_VERSION),
            encode: |state| Payload::json(state),
            decode: |payload| payload.to_json(),
            background: Background::new(),
        }
    }

    pub(crate) const fn policy(&self) -> SnapshotPolicy {
        self.policy
    }

    fn key(&self, stream: &StreamId) -> SnapshotKey {
        SnapshotKey::new(stream.clone(), self.fingerprint)
    }

    /// The newest usable snapshot of `stream`. The caller must still see that the log has
    /// the event that it ends with.
    pub(crate) async fn load(&self, stream: &StreamId) -> Found<A> {
        let key = self.key(stream);
        let snapshot = match self.store.load(&key).await {
            Ok(Some(found)) if found.key == key => found,
            Ok(_) => return Found::Nothing,
            Err(error) => {
                tracing::warn!(%stream, %error, "a snapshot could not be loaded");
                return Found::Unusable;
            }
        };
        match caught(|| (self.decode)(&snapshot.state), Into::into) {
            Ok(state) => {
                let Snapshot { version, event, .. } = snapshot;
                Found::Root(Root::restored(stream.clone(), state, version, event))
            }
            Err(error) => {
                tracing::warn!(%stream, %error, "a snapshot could not be decoded");
                Found::Unusable
            }
        }
    }

    /// Takes a snapshot of `root`, which holds nothing but committed events.
    ///
    /// # Errors
    /// When the state does not encode; `None` when there is nothing to take one of.
    pub(crate) fn take(&self, root: &Root<A>, log: LogId) -> es_core::Result<Option<Snapshot>> {
        let (Some(version), Some(event)) = (root.version(), root.last_event()) else {
            return Ok(None);
        };
        let panicked = |text| Error::fault("the state cannot be written down", text);
        let state = caught(|| (self.encode)(root.state()), panicked)?;
        Ok(Some(Snapshot::new(self.key(root.stream()), version, event, log, state)))
    }

    /// Writes a snapshot now.
    pub(crate) async fn save(&self, snapshot: Snapshot) -> es_core::Result<()> {
        self.store.save(snapshot).await
    }

    /// Writes a snapshot as the policy says, and keeps what goes wrong away from the
    /// caller, whose command has succeeded.
    pub(crate) async fn save_after_commit(&self, root: &Root<A>, log: LogId) {
        let stream = root.stream();
        let outcome = match self.take(root, log) {
            Ok(None) => Ok(()),
            Ok(Some(snapshot)) if self.policy.in_background => {
                self.background.save(Arc::clone(&self.store), snapshot);
                Ok(())
            }
            Ok(Some(snapshot)) => self.save(snapshot).await,
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            tracing::warn!(%stream, %error, "a snapshot could not be saved");
        }
    }

    /// Waits until no snapshot is being written in the background.
    pub(crate) async fn flush(&self) {
        self.background.flush().await;
    }
}

/// Runs what the state's own impls of serde do, which may panic; `failed` makes an error of
/// what was said then. They have the state or the payload to themselves, and nothing of ours
/// is torn by it.
fn caught<T, E>(
    run: impl FnOnce() -> Result<T, E>,
    failed: impl FnOnce(String) -> E,
) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        Err(failed(format!("the state's own code panicked: {}", panic_text(&*panic))))
    })
}
