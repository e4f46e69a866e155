//! Appends: a span, its context in each event, and what became of it.

use std::{borrow::Cow, future::poll_fn, sync::Arc, time::Instant};

use es_core::{
    AppendRequest, Backend, Category, Error, ExpectedVersion, Outcome, Receipt, Result,
    StreamAppend, StreamId, Tenant, spans,
};
use opentelemetry::KeyValue;
use tracing::{Span, field::Empty};

use crate::{
    context::{self, Traceparent},
    observer::Recorder,
};

/// The attributes of the appends to one category.
#[derive(Debug)]
pub(crate) struct AppendAttributes {
    /// The name of the span, as it is shown.
    shown: String,
    category: [KeyValue; 1],
    /// By outcome, with the category.
    outcomes: Vec<(Outcome, [KeyValue; 2])>,
}

impl AppendAttributes {
    fn of(category: &Category) -> Self {
        let shown = format!("{} {category}", spans::APPEND);
        let category = KeyValue::new(spans::CATEGORY, category.as_str().to_owned());
        let with = |outcome: Outcome| {
            let result = KeyValue::new(spans::RESULT, outcome.as_str());
            (outcome, [category.clone(), result])
        };
        let outcomes = Outcome::ALL.map(with).to_vec();
        Self { shown, category: [category], outcomes }
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
    let of = recorder.appends.get(first.stream.category(), AppendAttributes::of);
    let span = opened(&append, &of.shown);
    // The span begins here at the latest: its context is asked for.
    let context = context::of(&span);
    let append = if context.is_valid() {
        let (parent, state) = (Traceparent::of(&context), context::state(&context));
        append.with_trace(parent.as_str(), state.as_deref())
    } else {
        append
    };
    let watched = Watched { recorder, of, span, begun: Instant::now(), is_over: false };
    // Not by way of `Instrument`, which enters the span once more to drop what is done, nor of the
    // pointer, which would put the call into a box of its own.
    let mut call = (**inner).append(append);
    let result = poll_fn(|context| {
        let _within = watched.span.enter();
        call.as_mut().poll(context)
    })
    .await;
    watched.end(&result, events);
    result
}

/// Opens the span. The bridge to OpenTelemetry makes text of whatever is neither text nor a signed
/// number, by way of the formatter, which would cost more than the rest of the span.
fn opened(append: &AppendRequest, shown: &str) -> Span {
    let streams = append.streams();
    // Nothing of this is made unless somebody wants the span.
    let first = || streams.first();
    tracing::info_span!(
        spans::APPEND,
        { spans::NAME } = shown,
        { spans::KIND } = "internal",
        { spans::STATUS } = Empty,
        { spans::CATEGORY } = first().map(|write| write.stream.category().as_str()),
        { spans::STREAM } = first().map(|write| named(&write.stream)),
        { spans::STREAM_COUNT } = spans::several(streams.len()),
        { spans::EXPECTED } = first().map(expected).as_deref(),
        { spans::EVENT_COUNT } = spans::number(append.event_count()),
        { spans::RESULT } = Empty,
        { spans::ERROR_TYPE } = Empty,
    )
}

/// What its `Display` says.
fn expected(write: &StreamAppend) -> Cow<'static, str> {
    match write.expected {
        ExpectedVersion::Any => "any version".into(),
        ExpectedVersion::NoStream => "no stream".into(),
        ExpectedVersion::Exists => "an existing stream".into(),
        ExpectedVersion::Exact(version) => ["version ", &version.get().to_string()].concat().into(),
    }
}

/// The name of a stream, in one piece: the formatter would move it three times while it grows.
fn named(stream: &StreamId) -> String {
    let (tenant, category, key) = (stream.tenant(), stream.category(), stream.key());
    let tenant = tenant.map_or("", Tenant::as_str);
    let mut name =
        String::with_capacity(tenant.len() + category.as_str().len() + key.as_str().len() + 2);
    if !tenant.is_empty() {
        name.push_str(tenant);
        name.push('@');
    }
    name.push_str(category.as_str());
    name.push('/');
    name.push_str(key.as_str());
    name
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

#[cfg(test)]
mod tests;
