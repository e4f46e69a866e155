//! A projection or a reactor behind one pointer: what depends on its types, and nothing
//! else. One box per page of events, none per event.

mod react;
mod rows;

use std::{
    any::Any,
    fmt::Write as _,
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
        /// Whether trying the same again makes no sense.
        is_final: bool,
    },
    /// No transaction could be begun.
    Begin(Error),
    /// What was written could not be committed.
    Commit(Error),
}

impl Failure {
    fn of_handler(handled: usize, error: BoxError) -> Self {
        Self::Handler { handled, error, is_final: false }
    }

    fn undecodable(handled: usize, error: Error) -> Self {
        Self::Handler { handled, error: error.into(), is_final: true }
    }

    /// Of an event that could not be read at all.
    pub(crate) fn unreadable(error: Arc<Error>) -> Self {
        Self::Handler { handled: 0, error: Box::new(error), is_final: true }
    }

    fn of_panic(handled: usize, what: &str, panic: &(dyn Any + Send)) -> Self {
        let error = format!("{what} panicked: {}", panic_text(panic)).into();
        Self::Handler { handled, error, is_final: true }
    }
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

/// What an error says, and all of its causes.
pub(crate) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        // Writing to a string does not fail.
        let _ = write!(text, ": {cause}");
        next = cause.source();
    }
    text
}

/// The name that the progress of one version is kept under.
pub(crate) fn subscriber(name: &str, version: u32) -> Result<SubscriberName, Error> {
    SubscriberName::new(format!("{name}-v{version}"))
}
