//! Appends: a span, its context in each event, and what became of it.

use std::{sync::Arc, time::Instant};

use es_core::{
    AppendRequest, Backend, Category, Error, ExpectedVersion, Outcome, Receipt, Result, spans,
};
use opentelemetry::KeyValue;
use tracing::{Instrument, Span, field::Empty};

use crate::{context, observer::Recorder};

/// The attributes of the appends to one category.
#[derive(Debug)]
pub(crate) struct AppendAttributes {
    category: [KeyValue; 1],
    /// By outcome, with the category.
    outcomes: Vec<(Outcome, [KeyValue; 2])>,
}

impl AppendAttributes {
    fn of(category: &Category) -> Self {
        let category = KeyValue::new(spans::CATEGORY, category.as_str().to_owned());
        let with = |outcome: Outcome| {
            let result = KeyValue::new(spans::RESULT, outcome.as_str());
            (outcome, [category.clone(), result])
        };
        let outcomes = Outcome::ALL.map(with).to_vec();
        Self { category: [category], outcomes }
    }

    fn with(&self, outcome: Outcome) -> &[KeyValue] {
        let known = self.outcomes.iter().find(|(known, _)| *known == outcome);
        known.map_or(&self.category, |(_, attributes)| attributes)
    }
}

/// One append from its begin to its end. Dropped before the end, it was abandoned.
struct Watched<'a> {
    recorder: &'a Recorder,
    of: Arc<AppendAttributes>,
    span: Span,
    begun: Instant,
    is_over: bool,
}

/// Appends within a span.
pub(super) async fn traced(
    recorder: &Recorder,
    inner: &Backend,
    append: AppendRequest,
) -> Result<Receipt> {
    let Some(first) = append.streams().first() else {
        return inner.append(append).await;
    };
    let events = append.event_count() as u64;
    let span = opened(&append);
    let of = recorder.appends.get(first.stream.category(), AppendAttributes::of);
    // The span begins here at the latest: its context is asked for.
    let context = context::of(&span);
    let append = if context.is_valid() {
        let (parent, state) = context::written(&context);
        append.with_trace(&parent, state.as_deref())
    } else {
        append
    };
    let watched = Watched { recorder, of, span, begun: Instant::now(), is_over: false };
    let result = inner.append(append).instrument(watched.span.clone()).await;
    watched.end(&result, events);
    result
}

fn opened(append: &AppendRequest) -> Span {
    let streams = append.streams();
    // Nothing of this is made unless somebody wants the span.
    let category = || streams.first().map_or("", |write| write.stream.category().as_str());
    let stream = || streams.first().map(|write| write.stream.to_string());
    let expected = || streams.first().map_or(ExpectedVersion::Any, |write| write.expected);
    tracing::info_span!(
        spans::APPEND,
        { spans::NAME } = format!("{} {}", spans::APPEND, category()),
        { spans::KIND } = "internal",
        { spans::STATUS } = Empty,
        { spans::CATEGORY } = category(),
        { spans::STREAM } = stream(),
        { spans::STREAM_COUNT } = streams.len(),
        { spans::EXPECTED } = %expected(),
        { spans::EVENT_COUNT } = append.event_count(),
        { spans::RESULT } = Empty,
        { spans::ERROR_TYPE } = Empty,
    )
}

impl Watched<'_> {
    fn end(mut self, result: &Result<Receipt>, events: u64) {
        let to = &self.recorder.instruments;
        match result {
            Ok(receipt) if receipt.replayed => {
                to.append_duplicates.add(1, &self.of.category);
                self.ended(Outcome::Duplicate, None);
            }
            Ok(_) => {
                to.append_events.add(events, &self.of.category);
                self.ended(Outcome::Ok, None);
            }
            Err(error) => {
                let outcome = Outcome::of(error);
                match outcome {
                    Outcome::Conflict => to.append_conflicts.add(1, &self.of.category),
                    Outcome::Unknown => to.append_unknown.add(1, &self.of.category),
                    _ => self.recorder.notice(error),
                }
                self.ended(outcome, Some(error));
            }
        }
    }

    fn ended(&mut self, outcome: Outcome, error: Option<&Error>) {
        self.is_over = true;
        self.span.record(spans::RESULT, outcome.as_str());
        if outcome.is_fault() {
            self.span.record(spans::STATUS, spans::ERROR);
        }
        let took = self.begun.elapsed().as_secs_f64();
        let (to, of) = (&self.recorder.instruments.append_duration, self.of.with(outcome));
        let Some(error) = error else {
            return to.record(took, of);
        };
        let error_type = error.kind().as_str();
        self.span.record(spans::ERROR_TYPE, error_type);
        let mut of = of.to_vec();
        of.push(KeyValue::new(spans::ERROR_TYPE, error_type));
        to.record(took, &of);
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.ended(Outcome::Abandoned, None);
        }
    }
}
