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

/// The field `traceparent` as text, on the stack: each append writes one.
pub(crate) struct Traceparent([u8; 55]);

impl Traceparent {
    /// What was not sampled is kept like everything else: the flag says so, and whoever goes on
    /// decides.
    pub(crate) fn of(context: &SpanContext) -> Self {
        let flags = context.trace_flags() & TraceFlags::SAMPLED;
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        hexadecimal(&context.trace_id().to_bytes(), &mut text[3..35]);
        hexadecimal(&context.span_id().to_bytes(), &mut text[36..52]);
        hexadecimal(&[flags.to_u8()], &mut text[53..]);
        Self(text)
    }

    /// It is ASCII, so that there always is text.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The field `tracestate`, if there is anything in it.
pub(crate) fn state(context: &SpanContext) -> Option<String> {
    let state = context.trace_state();
    (*state != TraceState::NONE).then(|| state.header()).filter(|state| !state.is_empty())
}

/// By hand: the formatter takes ten times as long.
fn hexadecimal(bytes: &[u8], to: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, pair) in bytes.iter().zip(to.chunks_exact_mut(2)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
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
