//! What the bus tells of its work: a span for a batch that is published, and one for an event
//! that a handler is given, with observations beside them.
//!
//! *Hazard.* A relay that is started on an old log hands on millions of events. A span for
//! each would cost more than the handling, and would tell of causes that are long over.
//! *Mechanism.* The relay says that what it publishes is history, for the length of the call;
//! what is queued meanwhile remembers it, and gets neither span nor link.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

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

/// A batch on its way to a transport. Dropped before the end, it was broken off.
pub(crate) struct Publishing<'a> {
    pub(crate) span: Span,
    relay: &'a str,
    observer: Option<&'a SharedObserver>,
    begun: Option<Instant>,
    is_over: bool,
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
            let (span, observer, begun) = (Span::none(), None, None);
            return Self { span, relay, observer, begun, is_over: false };
        }
        let span = tracing::info_span!(
            spans::PUBLISH,
            { spans::NAME } = format!("publish {relay}"),
            { spans::KIND } = "producer",
            { spans::STATUS } = Empty,
            { spans::MESSAGING_SYSTEM } = spans::SYSTEM,
            { spans::MESSAGING_OPERATION } = "publish",
            { spans::MESSAGING_DESTINATION } = relay,
            { spans::FROM } = spans::number(events.first().map_or(0, |event| event.position.get())),
            { spans::TO } = spans::number(through.get()),
            { spans::EVENT_COUNT } = spans::number(events.len()),
            { spans::HISTORY } = is_history,
            { spans::RESULT } = Empty,
            { spans::ERROR_TYPE } = Empty,
        );
        if let Some(observer) = observer {
            let begun = Observation::PublishBegun { relay, events, is_history };
            span.in_scope(|| observer.observe(&begun));
        }
        let begun = observer.map(|_| Instant::now());
        Self { span, relay, observer, begun, is_over: false }
    }

    /// Tells how it went, and how many events the transport has taken.
    pub(crate) fn end(mut self, published: u64, error: Option<&es_core::Error>) {
        if let Some(error) = error {
            self.span.record(spans::STATUS, spans::ERROR);
            self.span.record(spans::ERROR_TYPE, error.kind().as_str());
        }
        self.ended(published, error.map_or(Outcome::Ok, Outcome::of));
    }

    fn ended(&mut self, published: u64, outcome: Outcome) {
        self.is_over = true;
        self.span.record(spans::RESULT, outcome.as_str());
        if let (Some(observer), Some(begun)) = (self.observer, self.begun) {
            let (relay, took) = (self.relay, begun.elapsed());
            let done = Observation::PublishDone { relay, published, outcome, took };
            self.span.in_scope(|| observer.observe(&done));
        }
    }
}

impl Drop for Publishing<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.ended(0, Outcome::Abandoned);
        }
    }
}

/// A call of a topic by a consumer, at level debug: there is one a second when nothing happens.
#[cfg(feature = "redis")]
pub(crate) fn asking(
    what: &'static str,
    topic: &str,
    group: &str,
    partition: Option<usize>,
) -> Span {
    // The name of a span is part of what is known when the program is built.
    macro_rules! opened {
        ($name:expr) => {
            tracing::debug_span!(
                $name,
                { spans::NAME } = format!("{what} {topic}"),
                { spans::KIND } = "client",
                { spans::STATUS } = Empty,
                { spans::MESSAGING_SYSTEM } = spans::SYSTEM,
                { spans::MESSAGING_OPERATION } = what,
                { spans::MESSAGING_DESTINATION } = topic,
                { spans::MESSAGING_GROUP } = group,
                { spans::MESSAGING_PARTITION } = partition,
                { spans::EVENT_COUNT } = Empty,
                { spans::ERROR_TYPE } = Empty,
            )
        };
    }
    if what == "poll" { opened!(spans::POLL) } else { opened!(spans::ACK) }
}

/// Notes how a call of a topic ended, and how many events it was about.
#[cfg(feature = "redis")]
pub(crate) fn asked<T>(
    span: &Span,
    answer: es_core::Result<T>,
    events: impl FnOnce(&T) -> usize,
) -> es_core::Result<T> {
    if !span.is_disabled() {
        match &answer {
            Ok(answer) => span.record(spans::EVENT_COUNT, spans::number(events(answer))),
            Err(error) => {
                span.record(spans::STATUS, spans::ERROR);
                span.record(spans::ERROR_TYPE, error.kind().as_str())
            }
        };
    }
    answer
}

/// An event that a handler is given. Dropped before the end, its handler was broken off.
pub(crate) struct Processing<'a> {
    pub(crate) span: Span,
    subscription: &'a str,
    observer: Option<&'a SharedObserver>,
    begun: Option<Instant>,
    /// The number of the attempt that it began with.
    first: u64,
    retries: AtomicU64,
    is_over: bool,
}

impl<'a> Processing<'a> {
    /// Opens the span, unless the event is history, and tells that it begins.
    ///
    /// The span is called by where the event comes from, as the conventions have it: the topic;
    /// the queue of the subscription, where it comes from no topic.
    pub(crate) fn begin(
        observer: Option<&'a SharedObserver>,
        topic: Option<&str>,
        subscription: &'a str,
        event: &Recorded,
        is_history: bool,
    ) -> Self {
        let begun = observer.map(|_| Instant::now());
        let retries = AtomicU64::new(0);
        if is_history {
            let span = Span::none();
            return Self { span, subscription, observer, begun, first: 1, retries, is_over: false };
        }
        let span = tracing::info_span!(
            spans::PROCESS,
            { spans::NAME } = format!("process {}", topic.unwrap_or(subscription)),
            { spans::KIND } = "consumer",
            { spans::STATUS } = Empty,
            { spans::MESSAGING_SYSTEM } = spans::SYSTEM,
            { spans::MESSAGING_OPERATION } = "process",
            { spans::MESSAGING_DESTINATION } = topic,
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
        Self { span, subscription, observer, begun, first: 1, retries, is_over: false }
    }

    /// The same where attempts were made before.
    #[cfg(feature = "redis")]
    pub(crate) fn begun_at_attempt(mut self, number: u32) -> Self {
        self.first = u64::from(number);
        self
    }

    /// Notes that an attempt failed and is followed by another.
    pub(crate) fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells how it went.
    pub(crate) fn end(mut self, outcome: Outcome) {
        let retries = *self.retries.get_mut();
        self.ended(outcome, retries);
    }

    /// Tells how its only attempt went, and whether there will be another elsewhere.
    #[cfg(feature = "redis")]
    pub(crate) fn end_one(mut self, outcome: Outcome, is_retried: bool) {
        let retries = *self.retries.get_mut() + u64::from(is_retried);
        self.ended(outcome, retries);
    }

    fn ended(&mut self, outcome: Outcome, retries: u64) {
        self.is_over = true;
        self.span.record(spans::ATTEMPTS, spans::number(self.first + *self.retries.get_mut()));
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

impl Drop for Processing<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let retries = *self.retries.get_mut();
            self.ended(Outcome::Abandoned, retries);
        }
    }
}
