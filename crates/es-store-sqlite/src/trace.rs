//! Spans of calls of SQLite, at level debug: off unless a subscriber wants them, and then they cost
//! a look at a flag.
//!
//! The store on PostgreSQL has the like. What they have in common is the names, which are in
//! es-core; es-core opens no spans itself, and stores do not know each other.

use es_core::{Result, spans};
use tracing::{Dispatch, Instrument, Span, dispatcher, field::Empty};

/// A span for an append of so many events to `file` that is asked for from here.
pub(crate) fn append(file: Option<&str>, events: usize) -> Span {
    call("append", file, spans::several(events))
}

/// A span for a page of `file` that is asked for from here.
pub(crate) fn read(file: Option<&str>) -> Span {
    call("read", file, None)
}

fn call(operation: &'static str, file: Option<&str>, events: Option<i64>) -> Span {
    tracing::debug_span!(
        spans::DB,
        { spans::NAME } = format!("{operation} sqlite"),
        { spans::KIND } = "client",
        { spans::STATUS } = Empty,
        { spans::DB_SYSTEM } = "sqlite",
        { spans::DB_NAMESPACE } = file,
        { spans::DB_COLLECTION } = "es_events",
        { spans::DB_OPERATION } = operation,
        { spans::DB_BATCH } = events,
        { spans::ERROR_TYPE } = Empty,
    )
}

/// Makes the call within its span.
pub(crate) async fn within<T>(span: Span, call: impl Future<Output = Result<T>>) -> Result<T> {
    let answer = call.instrument(span.clone()).await;
    ended(&span, &answer);
    answer
}

/// Notes how it ended.
pub(crate) fn ended<T>(span: &Span, answer: &Result<T>) {
    if let (false, Err(error)) = (span.is_disabled(), answer) {
        span.record(spans::STATUS, spans::ERROR);
        span.record(spans::ERROR_TYPE, error.kind().as_str());
    }
}

/// The span of a call whose answer is made on another thread, where the span ends.
///
/// *Hazard.* When a span ends, the registry of `tracing-subscriber` lets go of the one above it by
/// the subscriber of the thread. Where a subscriber was set for a thread and not for the process,
/// other threads have none: the spans above would never end. *Mechanism.* The subscriber comes
/// along, and is that of the thread for as long as the span takes to end. *Cost.* One more handle
/// for each call whose span somebody wants.
pub(crate) struct Away {
    span: Span,
    subscriber: Option<Dispatch>,
}

impl Away {
    pub(crate) fn new(span: Span) -> Self {
        let is_wanted = !span.is_disabled();
        let subscriber = is_wanted.then(|| dispatcher::get_default(Dispatch::clone));
        Self { span, subscriber }
    }

    /// Ends it, and notes how the call ended.
    pub(crate) fn end<T>(self, answer: &Result<T>) {
        ended(&self.span, answer);
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        let Some(subscriber) = self.subscriber.take() else { return };
        let span = std::mem::replace(&mut self.span, Span::none());
        dispatcher::with_default(&subscriber, || drop(span));
    }
}
