//! One span for a command with all of its attempts, and what is told of it.

use std::{
    any::type_name,
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

use es_core::{Observation, Outcome, Result, SharedObserver, StreamId, spans};
use tracing::{Span, field::Empty};

use super::Saved;
use crate::{Aggregate, ExecuteError};

/// A command from its begin to its end.
pub(super) struct Watched<'a> {
    pub(super) span: Span,
    observer: Option<&'a SharedObserver>,
    aggregate: &'static str,
    command: &'static str,
    begun: Option<Instant>,
    attempts: AtomicU32,
}

impl<'a> Watched<'a> {
    /// Opens the span of a command of type `C` on an aggregate of type `A`.
    pub(super) fn begin<A: Aggregate, C>(
        observer: Option<&'a SharedObserver>,
        stream: &Result<StreamId>,
    ) -> Self {
        let (aggregate, command) = (A::CATEGORY, spans::short_type_name(type_name::<C>()));
        let span = tracing::info_span!(
            spans::EXECUTE,
            // What is made here is made only if somebody wants the span.
            { spans::NAME } = format!("{} {command}", spans::EXECUTE),
            { spans::KIND } = "internal",
            { spans::STATUS } = Empty,
            { spans::ERROR_TYPE } = Empty,
            { spans::AGGREGATE } = aggregate,
            { spans::COMMAND } = command,
            { spans::STREAM } = stream.as_ref().ok().map(ToString::to_string),
            { spans::ATTEMPTS } = Empty,
            { spans::RESULT } = Empty,
        );
        let begun = observer.is_some().then(Instant::now);
        Self { span, observer, aggregate, command, begun, attempts: AtomicU32::new(0) }
    }

    /// Notes that it is decided and sent once more.
    pub(super) fn attempt(&self) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells how it went.
    pub(super) fn end<T, E>(self, result: &Result<Saved<T>, ExecuteError<E>>) {
        if self.span.is_disabled() && self.observer.is_none() {
            return;
        }
        let attempts = self.attempts.load(Ordering::Relaxed);
        let outcome = match result {
            Ok(Saved { receipt: None, .. }) => Outcome::Nothing,
            Ok(Saved { receipt: Some(receipt), .. }) if receipt.replayed => Outcome::Duplicate,
            Ok(_) => Outcome::Ok,
            Err(ExecuteError::Rejected(_)) => Outcome::Rejected,
            Err(ExecuteError::Store(error)) => Outcome::of(error),
        };
        self.span.record(spans::ATTEMPTS, i64::from(attempts));
        self.span.record(spans::RESULT, outcome.as_str());
        if let Err(ExecuteError::Store(error)) = result {
            self.span.record(spans::ERROR_TYPE, error.kind().as_str());
        }
        if outcome.is_fault() {
            self.span.record(spans::STATUS, spans::ERROR);
        }
        if let (Some(observer), Some(begun)) = (self.observer, self.begun) {
            let (aggregate, command, took) = (self.aggregate, self.command, begun.elapsed());
            let done = Observation::Command { aggregate, command, attempts, outcome, took };
            // Within the span, so that an exemplar can name it.
            self.span.in_scope(|| observer.observe(&done));
        }
    }
}
