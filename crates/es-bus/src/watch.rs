//! What the bus tells of its work: a span for a batch that is published, and one for an event
//! that a handler is given, with observations beside them.
//!
//! *Hazard.* A relay that is started on an old log hands on millions of events. A span for
//! each would cost more than the handling, and would tell of causes that are long over.
//! *Mechanism.* The relay says that what it publishes is history, for the length of the call;
//! what is queued meanwhile remembers it, and gets neither span nor link.

use std::time::Instant;

use es_core::{Observation, Outcome, Position, Recorded, SharedObserver, spans};
use tracing::{Span, field::Empty};

tokio::task_local! {
    /// Whether what this task publishes is history.
    pub(crate) static HISTORY: bool;
}

/// Whether the caller publishes history.
pub(crate) fn is_history() -> bool {
    HISTORY.try_with(|is_history| *is_history).unwrap_or(false)
}

/// A batch on its way to a transport.
pub(crate) struct Publishing<'a> {
    pub(crate) span: Span,
    relay: &'a str,
    observer: Option<&'a SharedObserver>,
    begun: Option<Instant>,
}

impl<'a> Publishing<'a> {
    /// Opens the span and tells that it begins.
    pub(crate) fn begin(
        observer: Option<&'a SharedObserver>,
        relay: &'a str,
        events: &[Recorded],
        through: Position,
        is_history: bool,
    ) -> Self {
        if events.is_empty() {
            return Self { span: Span::none(), relay, observer: None, begun: None };
        }
        let span = tracing::info_span!(
            spans::PUBLISH,
            { spans::NAME } = format!("publish {relay}"),
            { spans::KIND } = "producer",
            { spans::STATUS } = Empty,
            { spans::MESSAGING_SYSTEM } = spans::SYSTEM,
            { spans::MESSAGING_OPERATION } = "publish",
            { spans::MESSAGING_DESTINATION } = relay,
            { spans::FROM } = events.first().map_or(0, |event| event.position.get()),
            { spans::TO } = through.get(),
            { spans::EVENT_COUNT } = events.len(),
            { spans::HISTORY } = is_history,
            { spans::ERROR_TYPE } = Empty,
        );
        if let Some(observer) = observer {
            let begun = Observation::PublishBegun { relay, events, is_history };
            span.in_scope(|| observer.observe(&begun));
        }
        Self { span, relay, observer, begun: observer.map(|_| Instant::now()) }
    }

    /// Tells how it went, and how many events the transport has taken.
    pub(crate) fn end(self, published: u64, error: Option<&es_core::Error>) {
        if let Some(error) = error {
            self.span.record(spans::STATUS, spans::ERROR);
            self.span.record(spans::ERROR_TYPE, error.kind().as_str());
        }
        if let (Some(observer), Some(begun)) = (self.observer, self.begun) {
            let outcome = error.map_or(Outcome::Ok, Outcome::of);
            let (relay, took) = (self.relay, begun.elapsed());
            let done = Observation::PublishDone { relay, published, outcome, took };
            self.span.in_scope(|| observer.observe(&done));
        }
    }
}

/// An event that a handler is given.
pub(crate) struct Processing<'a> {
    pub(crate) span: Span,
    subscription: &'a str,
    observer: Option<&'a SharedObserver>,
    begun: Option<Instant>,
}

impl<'a> Processing<'a> {
    /// Opens the span, unless the event is history, and tells that it begins.
    pub(crate) fn begin(
        observer: Option<&'a SharedObserver>,
        subscription: &'a str,
        event: &Recorded,
        is_history: bool,
    ) -> Self {
        let begun = observer.map(|_| Instant::now());
        if is_history {
            return Self { span: Span::none(), subscription, observer, begun };
        }
        let span = tracing::info_span!(
            spans::PROCESS,
            { spans::NAME } = format!("process {subscription}"),
            { spans::KIND } = "consumer",
            { spans::STATUS } = Empty,
            { spans::MESSAGING_SYSTEM } = spans::SYSTEM,
            { spans::MESSAGING_OPERATION } = "process",
            { spans::MESSAGING_GROUP } = subscription,
            { spans::MESSAGING_ID } = %event.id,
            { spans::STREAM } = event.stream.to_string(),
            { spans::ATTEMPTS } = Empty,
            { spans::RESULT } = Empty,
        );
        if let Some(observer) = observer {
            let begun = Observation::ProcessBegun { subscription, event };
            span.in_scope(|| observer.observe(&begun));
        }
        Self { span, subscription, observer, begun }
    }

    /// Tells how it went, after how many attempts.
    pub(crate) fn end(self, outcome: Outcome, attempts: u64) {
        self.end_one(outcome, attempts, attempts.saturating_sub(1));
    }

    /// Tells how the attempt of this number went, and how many retries are to be counted.
    pub(crate) fn end_one(self, outcome: Outcome, attempts: u64, retries: u64) {
        self.span.record(spans::ATTEMPTS, attempts);
        self.span.record(spans::RESULT, outcome.as_str());
        if outcome.is_fault() {
            self.span.record(spans::STATUS, spans::ERROR);
        }
        if let (Some(observer), Some(begun)) = (self.observer, self.begun) {
            let (subscription, took) = (self.subscription, begun.elapsed());
            let done = Observation::ProcessDone { subscription, outcome, retries, took };
            self.span.in_scope(|| observer.observe(&done));
        }
    }
}
