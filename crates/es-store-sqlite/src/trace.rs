//! Spans of calls of SQLite, at level debug: off unless a subscriber wants them, and then they cost
//! a look at a flag.

use es_core::{Result, spans};
use tracing::{Instrument, Span, field::Empty};

/// A span for a call that is made from here.
pub(crate) fn call(operation: &'static str) -> Span {
    tracing::debug_span!(
        spans::DB,
        { spans::NAME } = format!("{operation} sqlite"),
        { spans::KIND } = "client",
        { spans::STATUS } = Empty,
        { spans::DB_SYSTEM } = "sqlite",
        { spans::DB_OPERATION } = operation,
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
