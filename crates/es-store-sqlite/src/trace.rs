//! Spans of calls of SQLite, at level debug: off unless a subscriber wants them, and then they cost
//! a look at a flag.
//!
//! The store on PostgreSQL has the like. What they have in common is the names, which are in
//! es-core; es-core opens no spans itself, and stores do not know each other.

use es_core::{Result, spans};
use tracing::{Instrument, Span, field::Empty};

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
