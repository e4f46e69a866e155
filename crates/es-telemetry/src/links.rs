//! From work on events to the traces that wrote them.

use std::collections::HashSet;

use es_core::{Recorded, spans};
use opentelemetry::{Context, trace::TraceContextExt};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::context;

/// How many links a span gets, which is what OpenTelemetry keeps of them.
const MOST: usize = 128;

/// Links `span` to the contexts that `events` were written in, each once.
///
/// Links and no parent: a batch has many causes, and a trace that went on for as long as
/// somebody may still read its events would never end.
pub(crate) fn add(span: &Span, events: &[Recorded]) {
    // Where a filter leaves the span out, another one is current.
    let ours = [spans::PROJECT, spans::PUBLISH, spans::PROCESS];
    let is_ours = span.metadata().is_some_and(|span| ours.contains(&span.name()));
    if !is_ours || !is_recording(span) {
        return;
    }
    let mut seen = HashSet::new();
    for event in events {
        let Some(context) = context::of_event(event) else { continue };
        if seen.insert((context.trace_id(), context.span_id())) {
            span.add_link(context);
            if seen.len() == MOST {
                return;
            }
        }
    }
}

/// Whether anybody will see the links.
fn is_recording(span: &Span) -> bool {
    let context: Context = span.context();
    context.span().is_recording()
}
