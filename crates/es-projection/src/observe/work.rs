//! One span for the events that a worker has taken at once, and what is told of them.

use std::time::Instant;

use es_core::{Observation, Position, Recorded, SharedObserver, spans};
use tracing::{Span, field::Empty};

use crate::worker::Job;

/// Work on events, from its begin to its end.
pub(crate) struct Watched<'a> {
    pub(crate) span: Span,
    job: &'a Job,
    observer: Option<&'a SharedObserver>,
    /// When it began, and how many events were handled before.
    begun: Option<(Instant, u64)>,
}

impl<'a> Watched<'a> {
    /// Opens the span and tells that the work begins.
    ///
    /// *Hazard.* A rebuild handles millions of events, and each has the context of a trace
    /// that is long over: links to them would cost much and tell nothing.
    /// *Mechanism.* The span is one for everything that was taken at once, never one for an
    /// event, and whoever adds the links is told whether the events are history.
    pub(crate) fn begin(
        job: &'a Job,
        observer: Option<&'a SharedObserver>,
        events: &[Recorded],
        up_to: Position,
        is_history: bool,
    ) -> Self {
        let span = tracing::info_span!(
            spans::PROJECT,
            // What is made here is made only if somebody wants the span.
            { spans::NAME } = format!("{} {}", spans::PROJECT, job.name),
            { spans::KIND } = "consumer",
            { spans::STATUS } = Empty,
            { spans::ERROR_TYPE } = Empty,
            { spans::PROJECTION } = job.subscriber.as_str(),
            { spans::FROM } = spans::number(events.first().map_or(0, |event| event.position.get())),
            { spans::TO } = spans::number(up_to.get()),
            { spans::EVENT_COUNT } = spans::number(events.len()),
            { spans::HISTORY } = is_history,
        );
        let begun = observer.map(|observer| {
            let subscriber = job.subscriber.as_str();
            span.in_scope(|| {
                observer.observe(&Observation::WorkBegun { subscriber, events, is_history });
            });
            (Instant::now(), job.board.view().handled)
        });
        Self { span, job, observer, begun }
    }

    /// Tells how it went. `error_type` is what ends the worker, if something does.
    pub(crate) fn end(self, error_type: Option<&'static str>) {
        if let Some(error_type) = error_type {
            self.span.record(spans::STATUS, spans::ERROR);
            self.span.record(spans::ERROR_TYPE, error_type);
        }
        if let (Some(observer), Some((begun, before))) = (self.observer, self.begun) {
            let handled = self.job.board.view().handled.saturating_sub(before);
            let subscriber = self.job.subscriber.as_str();
            let (took, is_ok) = (begun.elapsed(), error_type.is_none());
            let done = Observation::WorkDone { subscriber, handled, took, is_ok };
            // Within the span, so that an exemplar can name it.
            self.span.in_scope(|| observer.observe(&done));
        }
    }
}
