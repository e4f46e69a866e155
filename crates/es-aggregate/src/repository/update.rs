//! The imperative style with retries: a closure that is run again after a conflict.

use std::fmt::Display;

use es_core::StreamId;
use tracing::Instrument;

use super::{Repository, Saved, backoff, execute::is_conflict, terms::Terms, watched::Watched};
use crate::{Aggregate, ExecuteError, Root};

/// What an update is called where a command has its type.
enum Update {}

impl<A: Aggregate> Repository<A> {
    /// Loads the aggregate (or begins it), lets `change` record on it, and saves it; after a
    /// conflict all of that again, on fresh state, as often as
    /// [`Repository::with_retries`] says.
    ///
    /// ```
    /// # use es_aggregate::{Aggregate, Repository};
    /// # use es_core::{Event, Store};
    /// # use es_store_memory::MemoryStore;
    /// # #[derive(Event)]
    /// # enum CounterEvent { Added { amount: u32 } }
    /// # #[derive(Default)]
    /// # struct Counter(u32);
    /// # impl Aggregate for Counter {
    /// #     const CATEGORY: &'static str = "counter";
    /// #     type Event = CounterEvent;
    /// #     fn evolve(&mut self, CounterEvent::Added { amount }: &CounterEvent) { self.0 += amount; }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let counters = Repository::<Counter>::new(Store::new(MemoryStore::new()));
    /// let saved = counters
    ///     .update("c1", |counter| {
    ///         if counter.0 >= 10 {
    ///             return Err("full");
    ///         }
    ///         counter.record(CounterEvent::Added { amount: 1 });
    ///         Ok(())
    ///     })
    ///     .await;
    /// assert_eq!(saved.unwrap().events.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ExecuteError::Rejected`] with what `change` returned; nothing was written then.
    /// [`ExecuteError::Store`] with what loading or saving failed with; a conflict when all
    /// retries met one; `OutcomeUnknown` when nobody knows whether it was written, although
    /// it was sent a few times again.
    ///
    /// After `OutcomeUnknown` the events and their ids are gone. Calling it again is right
    /// only if `change` sees by the state whether it was done before; else load and look.
    /// To be able to repeat it whatever happens, [`load`](Repository::load),
    /// [`record`](Root::record) and [`save`](Repository::save) instead, and keep the root; or
    /// [`execute`](Repository::execute) a command that has [an id](crate::Execute::with_id).
    ///
    /// # Cancel safety
    /// All of the events are written or none; which of the two is told as after
    /// `OutcomeUnknown`.
    pub fn update<E, F>(
        &self,
        id: impl Display,
        mut change: F,
    ) -> impl Future<Output = Result<Saved<A::Event>, ExecuteError<E>>> + Send
    where
        F: FnMut(&mut Root<A>) -> Result<(), E> + Send,
        E: Send,
    {
        let stream = self.stream(id);
        async move {
            // A closure has no name to go by.
            let watched = Watched::begin::<A, Update>(self.store.observer(), &stream);
            let span = watched.span.clone();
            let saved = self.changed(stream, &mut change, &watched).instrument(span).await;
            watched.end(&saved);
            saved
        }
    }

    async fn changed<E: Send>(
        &self,
        stream: es_core::Result<StreamId>,
        change: &mut (impl FnMut(&mut Root<A>) -> Result<(), E> + Send),
        watched: &Watched<'_>,
    ) -> Result<Saved<A::Event>, ExecuteError<E>> {
        let stream = stream?;
        let mut attempt = 0;
        loop {
            watched.attempt();
            let mut root = self.fold(stream.clone()).await?;
            change(&mut root).map_err(ExecuteError::Rejected)?;
            let (before, count) = (root.version(), root.pending().len());
            match self.write(&mut root, count, &Terms::default()).await {
                Ok(saved) => {
                    self.keep_snapshot(&root, before, &saved).await;
                    return Ok(self.publish(saved).await);
                }
                Err(error) if is_conflict(&error) && attempt < self.retries => {
                    attempt += 1;
                    backoff::pause(attempt).await;
                }
                Err(error) => return Err(ExecuteError::Store(error)),
            }
        }
    }
}
