//! A projection or a reactor behind one pointer: what depends on its types, and nothing
//! else. One box per page of events, none per event.

mod react;
mod rows;

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use es_core::{
    BoxError, CheckpointStore, DeadLetterStore, Error, Event, Progress, Recorded, SubscriberName,
    panic_text,
};
use futures_util::future::BoxFuture;

pub(crate) use react::Reacting;
pub(crate) use rows::Projecting;

/// What keeps the progress of a subscriber.
pub(crate) trait Progresses: CheckpointStore + DeadLetterStore {}

impl<T: CheckpointStore + DeadLetterStore> Progresses for T {}

/// A projection or a reactor, whichever its types are.
pub(crate) trait Engine: Send + Sync + 'static {
    /// Handles the events. If [`Engine::commits`], it also commits `progress` with what that
    /// wrote, and does both or nothing.
    fn handle<'a>(
        &'a self,
        events: &'a [Recorded],
        progress: &'a Progress,
    ) -> BoxFuture<'a, Result<(), Failure>>;

    /// Whether effects and progress are committed together.
    fn commits(&self) -> bool;

    /// Where its progress is kept.
    fn progress(&self) -> &dyn Progresses;
}

/// Why events were not handled.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The handler failed, or the events do not decode.
    Handler {
        /// How many events were handled before, for good.
        handled: usize,
        error: BoxError,
        again: Again,
    },
    /// No transaction could be begun, or the database failed under the handler.
    Model(Error),
    /// What was written could not be committed.
    Commit(Error),
}

/// Whether trying the same again makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    Never,
    /// As the policy judges the error.
    ByPolicy,
    /// It was bad luck, whatever the error looks like.
    Surely,
}

impl Failure {
    fn of_handler(handled: usize, error: BoxError) -> Self {
        Self::Handler { handled, error, again: Again::ByPolicy }
    }

    fn undecodable(handled: usize, error: Error) -> Self {
        Self::Handler { handled, error: error.into(), again: Again::Never }
    }

    /// Of an event that could not be read at all.
    pub(crate) fn unreadable(error: Arc<Error>) -> Self {
        Self::Handler { handled: 0, error: Box::new(error), again: Again::Never }
    }

    fn of_panic(handled: usize, what: &str, panic: &(dyn Any + Send)) -> Self {
        Self::Handler { handled, error: said_by_panic(what, panic), again: Again::Never }
    }
}

fn said_by_panic(what: &str, panic: &(dyn Any + Send)) -> BoxError {
    format!("{what} panicked: {}", panic_text(panic)).into()
}

/// Decodes the events behind `handled` others.
///
/// Decoding runs code of users as much as handling does: what panics there is poison, and would
/// come again with the next worker if it took this one down.
fn decode<E: Event>(events: &[Recorded], handled: usize) -> Result<Vec<Recorded<E>>, Failure> {
    // What was decoded so far is dropped, so nothing that was torn is seen.
    let decoding = catch_unwind(AssertUnwindSafe(|| {
        let mut decoded = Vec::with_capacity(events.len());
        for event in events {
            decoded.push(event.decode()?);
        }
        Ok(decoded)
    }));
    match decoding {
        Ok(decoded) => decoded.map_err(|error| Failure::undecodable(handled, error)),
        Err(panic) => Err(Failure::of_panic(handled, "decoding", &*panic)),
    }
}

/// The name that the progress of one version is kept under.
pub(crate) fn subscriber(name: &str, version: u32) -> Result<SubscriberName, Error> {
    SubscriberName::new(format!("{name}-v{version}"))
}
