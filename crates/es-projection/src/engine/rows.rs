//! A projection and its read model: rows and progress in one commit.

use std::panic::AssertUnwindSafe;

use es_core::{DeadLetterStore, Progress, ReadModel, Recorded};
use futures_util::{
    FutureExt,
    future::{BoxFuture, join},
};

use super::{Engine, Failure, Progresses, decode};
use crate::Projection;

/// A projection and its read model.
pub(crate) struct Projecting<P, M> {
    pub(crate) projection: P,
    pub(crate) model: M,
}

impl<P, M> Projecting<P, M>
where
    P: Projection,
    M: ReadModel<Tx = P::Tx> + DeadLetterStore,
{
    async fn apply(&self, events: &[Recorded], progress: &Progress) -> Result<(), Failure> {
        // Decoded while a thread or a server begins, in that order: then the wait for it costs
        // nothing. What does not decode is rolled back with nothing in it.
        let decoding = async { decode(events, 0) };
        let (begun, decoded) = join(self.model.begin(), decoding).await;
        let (decoded, mut tx) = (decoded?, begun.map_err(Failure::Begin)?);
        // The transaction does not survive a panic, and the projection has no state, so
        // nothing that was torn is seen again.
        let applying = AssertUnwindSafe(self.projection.apply_all(&decoded, &mut tx));
        match applying.catch_unwind().await {
            Ok(Ok(())) => self.model.commit(tx, progress).await.map_err(Failure::Commit),
            Ok(Err(error)) => Err(Failure::of_handler(0, error)),
            Err(panic) => Err(Failure::of_panic(0, "the handler", &*panic)),
        }
    }
}

impl<P, M> Engine for Projecting<P, M>
where
    P: Projection,
    M: ReadModel<Tx = P::Tx> + DeadLetterStore,
{
    fn handle<'a>(
        &'a self,
        events: &'a [Recorded],
        progress: &'a Progress,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.apply(events, progress))
    }

    fn commits(&self) -> bool {
        true
    }

    fn progress(&self) -> &dyn Progresses {
        &self.model
    }
}
