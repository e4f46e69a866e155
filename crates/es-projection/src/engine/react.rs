//! A reactor and where its progress is kept: effects first, progress behind them.

use std::panic::AssertUnwindSafe;

use es_core::{CheckpointStore, DeadLetterStore, Progress, Recorded};
use futures_util::{FutureExt, future::BoxFuture};

use super::{Engine, Failure, Progresses, decode};
use crate::{IdempotencyKey, Reactor};

/// A reactor and where its progress is kept.
pub(crate) struct Reacting<R, C> {
    pub(crate) reactor: R,
    pub(crate) checkpoints: C,
}

impl<R: Reactor, C: CheckpointStore + DeadLetterStore> Reacting<R, C> {
    async fn react(&self, events: &[Recorded]) -> Result<(), Failure> {
        for (handled, event) in events.iter().enumerate() {
            for event in decode(std::slice::from_ref(event), handled)? {
                let key = IdempotencyKey::of(&event);
                // A reactor has no state that it could tear but behind a lock of its own.
                // A future that is made by hand may panic before there is one.
                let reacting = AssertUnwindSafe(async { self.reactor.react(&event, &key).await });
                match reacting.catch_unwind().await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return Err(Failure::of_handler(handled, error)),
                    Err(panic) => return Err(Failure::of_panic(handled, "the handler", &*panic)),
                }
            }
        }
        Ok(())
    }
}

impl<R: Reactor, C: CheckpointStore + DeadLetterStore> Engine for Reacting<R, C> {
    fn handle<'a>(
        &'a self,
        events: &'a [Recorded],
        _: &'a Progress,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.react(events))
    }

    fn commits(&self) -> bool {
        false
    }

    fn progress(&self) -> &dyn Progresses {
        &self.checkpoints
    }
}
