//! Reads: a span that lasts as long as somebody reads, and what the store took of that.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use es_core::{
    Backend, Category, Error, FoldPage, Outcome, Read, Recorded, Result, Selection, spans,
};
use futures_core::{Stream, stream::BoxStream};
use opentelemetry::KeyValue;
use tracing::{Span, field::Empty};

use crate::observer::Recorder;

/// What reads are told apart by: what was read, and of which category if it was one.
pub(crate) type ReadKey = (&'static str, Option<Category>);

/// The attributes of such reads.
#[derive(Debug)]
pub(crate) struct ReadAttributes {
    plain: Vec<KeyValue>,
    ok: Vec<KeyValue>,
}

impl ReadAttributes {
    fn of((kind, category): &ReadKey) -> Self {
        let mut plain = vec![KeyValue::new(spans::READS, *kind)];
        if let Some(category) = category {
            plain.push(KeyValue::new(spans::CATEGORY, category.as_str().to_owned()));
        }
        let mut ok = plain.clone();
        ok.push(KeyValue::new(spans::RESULT, Outcome::Ok.as_str()));
        Self { plain, ok }
    }
}

/// What is counted of a page.
pub(super) trait Page {
    fn events(&self) -> u64;
}

impl Page for Vec<Recorded> {
    fn events(&self) -> u64 {
        self.len() as u64
    }
}

impl Page for FoldPage {
    fn events(&self) -> u64 {
        self.len() as u64
    }
}

/// Pages that are watched on their way. Dropped before the end, the reader has had enough,
/// unless it never had anything.
pub(super) struct Pages<P> {
    recorder: Arc<Recorder>,
    of: Arc<ReadAttributes>,
    inner: BoxStream<'static, Result<P>>,
    span: Span,
    /// Since when the reader waits.
    since: Option<Instant>,
    waited: Duration,
    events: u64,
    was_answered: bool,
    is_over: bool,
}

/// Reads within a span, which begins now.
pub(super) fn traced<P>(
    recorder: &Arc<Recorder>,
    inner: &Backend,
    read: Read,
    begin: fn(&Backend, Read) -> BoxStream<'static, Result<P>>,
) -> Pages<P> {
    let (kind, category) = match &read.selection {
        Selection::Stream(stream) => ("stream", Some(stream.category().clone())),
        Selection::Category(category) => ("category", Some(category.clone())),
        Selection::Event(_) => ("event", None),
        _ => ("all", None),
    };
    let span = opened(&read, kind, category.as_ref());
    let of = recorder.reads.get(&(kind, category), ReadAttributes::of);
    let inner = span.in_scope(|| begin(inner, read));
    Pages {
        recorder: Arc::clone(recorder),
        of,
        inner,
        span,
        since: None,
        waited: Duration::ZERO,
        events: 0,
        was_answered: false,
        is_over: false,
    }
}

fn opened(read: &Read, kind: &'static str, category: Option<&Category>) -> Span {
    if let Selection::Stream(stream) = &read.selection {
        return tracing::info_span!(
            spans::LOAD,
            { spans::NAME } = format!("{} {}", spans::LOAD, stream.category()),
            { spans::KIND } = "internal",
            { spans::STATUS } = Empty,
            { spans::CATEGORY } = stream.category().as_str(),
            { spans::STREAM } = stream.to_string(),
            { spans::EVENT_COUNT } = Empty,
            { spans::RESULT } = Empty,
            { spans::ERROR_TYPE } = Empty,
        );
    }
    tracing::debug_span!(
        spans::READ,
        { spans::NAME } = format!("{} {kind}", spans::READ),
        { spans::KIND } = "internal",
        { spans::STATUS } = Empty,
        { spans::CATEGORY } = category.map(Category::as_str),
        { spans::READS } = kind,
        { spans::EVENT_COUNT } = Empty,
        { spans::RESULT } = Empty,
        { spans::ERROR_TYPE } = Empty,
    )
}

impl<P: Page> Stream for Pages<P> {
    type Item = Result<P>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let since = *this.since.get_or_insert_with(Instant::now);
        let entered = this.span.enter();
        let polled = this.inner.as_mut().poll_next(context);
        drop(entered);
        if polled.is_pending() {
            return polled;
        }
        this.waited += since.elapsed();
        this.since = None;
        this.was_answered = true;
        match &polled {
            Poll::Ready(Some(Ok(page))) => this.events += page.events(),
            Poll::Ready(Some(Err(error))) => {
                this.recorder.notice(error);
                this.ended(Outcome::of(error), Some(error));
            }
            Poll::Ready(None) => this.ended(Outcome::Ok, None),
            Poll::Pending => {}
        }
        polled
    }
}

impl<P> Pages<P> {
    fn ended(&mut self, outcome: Outcome, error: Option<&Error>) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        self.span.record(spans::EVENT_COUNT, spans::number(self.events));
        self.span.record(spans::RESULT, outcome.as_str());
        let waited = self.waited.as_secs_f64();
        let to = &self.recorder.instruments;
        to.load_events.record(self.events, &self.of.plain);
        if outcome == Outcome::Ok {
            return to.load_duration.record(waited, &self.of.ok);
        }
        let mut of = self.of.plain.clone();
        of.push(KeyValue::new(spans::RESULT, outcome.as_str()));
        if let Some(error) = error {
            let error_type = error.kind().as_str();
            of.push(KeyValue::new(spans::ERROR_TYPE, error_type));
            self.span.record(spans::ERROR_TYPE, error_type);
            self.span.record(spans::STATUS, spans::ERROR);
        }
        to.load_duration.record(waited, &of);
    }
}

impl<P> Drop for Pages<P> {
    fn drop(&mut self) {
        let outcome = if self.was_answered { Outcome::Ok } else { Outcome::Abandoned };
        self.ended(outcome, None);
        // What the store lets go of belongs to the read as well; the span ends with this.
    }
}
