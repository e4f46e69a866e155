//! A projection and its read model: rows and progress in one commit.

use std::panic::AssertUnwindSafe;

use es_core::{BoxError, DeadLetterStore, Error, ErrorKind, Progress, ReadModel, Recorded};
use futures_util::{
    FutureExt,
    future::{BoxFuture, join},
};

use super::{Again, Engine, Failure, Progresses, decode, said_by_panic};
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
        let (decoded, mut tx) = (decoded?, begun.map_err(Failure::Model)?);
        // The transaction does not survive a panic, and the projection has no state, so
        // nothing that was torn is seen again.
        // A future that is made by hand may panic before there is one.
        let applying =
            AssertUnwindSafe(async { self.projection.apply_all(&decoded, &mut tx).await });
        match applying.catch_unwind().await {
            Ok(Ok(())) => self.model.commit(tx, progress).await.map_err(Failure::Commit),
            Ok(Err(error)) => Err(self.judge(&mut tx, error, Again::ByPolicy).await),
            Err(panic) => {
                let error = said_by_panic("the handler", &*panic);
                Err(self.judge(&mut tx, error, Again::Never).await)
            }
        }
    }

    /// Whether the event is to blame, or the database.
    ///
    /// *Hazard.* What a handler answers when its connection is cut, a lock is in its way or the
    /// disk is full is an error of its driver, which looks like any other: the event would be
    /// parked, and its stream would wait for a person.
    /// *Mechanism.* The read model knows its driver and the transaction, and is asked.
    /// *Why it is sound.* All of it was rolled back, so it can be tried again as a whole.
    /// *Cost.* An event that cuts its connection each time is tried as often as the policy says
    /// before it is parked.
    async fn judge(&self, tx: &mut M::Tx, error: BoxError, again: Again) -> Failure {
        match self.model.trouble(tx, &*error).await {
            Some(ErrorKind::Unavailable) => {
                let message = "the read model takes no writes";
                Failure::Model(Error::new(ErrorKind::Unavailable, message).with_source(error))
            }
            Some(ErrorKind::Busy) => Failure::Handler { handled: 0, error, again: Again::Surely },
            _ => Failure::Handler { handled: 0, error, again },
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
