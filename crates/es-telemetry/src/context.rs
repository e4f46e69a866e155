//! The context of a trace, from a span into metadata and back.
//!
//! Written and read as the W3C says ("Trace Context", level 1), not through the propagator of
//! the process: the fields of an event's metadata are defined to be in that form, whatever
//! form the process speaks elsewhere, and a propagator that nobody set would lose them.

use es_core::{Metadata, Recorded};
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The context of `span`; that around it when the span itself is not traced, because a
/// filter left it out. Not valid when nothing is traced at all.
pub(crate) fn of(span: &Span) -> SpanContext {
    if !span.is_disabled() {
        let own = span.context().span().span_context().clone();
        if own.is_valid() {
            return own;
        }
    }
    Context::map_current(|around| around.span().span_context().clone())
}

/// The two fields that it is kept in. What was not sampled is kept like everything else: the
/// flag says so, and whoever goes on decides.
pub(crate) fn written(context: &SpanContext) -> (String, Option<String>) {
    let flags = context.trace_flags() & TraceFlags::SAMPLED;
    let mut parent = String::with_capacity(55);
    parent.push_str("00-");
    hexadecimal(&context.trace_id().to_bytes(), &mut parent);
    parent.push('-');
    hexadecimal(&context.span_id().to_bytes(), &mut parent);
    parent.push('-');
    hexadecimal(&[flags.to_u8()], &mut parent);
    let state = context.trace_state().header();
    (parent, Some(state).filter(|state| !state.is_empty()))
}

/// By hand: each append writes a context, and the formatter takes ten times as long.
fn hexadecimal(bytes: &[u8], to: &mut String) {
    let digit = |half: u8| char::from(if half < 10 { b'0' + half } else { b'a' + half - 10 });
    to.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
}

/// The context that `event` was written in, if it has one that is valid.
pub(crate) fn of_event(event: &Recorded) -> Option<SpanContext> {
    of_metadata(&event.metadata)
}

/// The context in `metadata`, if it has one that is valid.
pub(crate) fn of_metadata(metadata: &Metadata) -> Option<SpanContext> {
    let (trace, span, flags) = parsed(metadata.traceparent()?)?;
    let state = metadata.tracestate().and_then(|state| state.parse::<TraceState>().ok());
    let context = SpanContext::new(trace, span, flags, true, state.unwrap_or_default());
    context.is_valid().then_some(context)
}

/// The three parts that matter. A version that is not known yet may have more parts, of
/// which the first four still mean the same; version ff is none.
fn parsed(parent: &str) -> Option<(TraceId, SpanId, TraceFlags)> {
    let mut parts = parent.trim().split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |part: &str, size| {
        let is_lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        part.len() == size && part.bytes().all(is_lower)
    };
    let is_whole = is_hex(version, 2) && is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2);
    if !is_whole || version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let flags = u8::from_str_radix(flags, 16).ok()?;
    Some((
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(flags) & TraceFlags::SAMPLED,
    ))
}

#[cfg(test)]
mod tests;
