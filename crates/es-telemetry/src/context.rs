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
    let (trace, span) = (context.trace_id(), context.span_id());
    let flags = context.trace_flags() & TraceFlags::SAMPLED;
    let parent = format!("00-{trace}-{span}-{flags:02x}");
    let state = context.trace_state().header();
    (parent, Some(state).filter(|state| !state.is_empty()))
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
mod tests {
    //! What is a context and what is none.

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn read(parent: &str, state: Option<&str>) -> Option<SpanContext> {
        of_metadata(&Metadata::new().with_trace(parent, state))
    }

    #[test]
    fn what_is_written_is_read_again() {
        let context = read(PARENT, Some("vendor=1,other=2")).unwrap();
        assert!(context.is_remote() && context.is_sampled());
        assert_eq!(context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(written(&context), (PARENT.to_owned(), Some("vendor=1,other=2".to_owned())));
    }

    #[test]
    fn what_was_not_sampled_is_kept() {
        let parent = PARENT.replace("-01", "-00");
        let context = read(&parent, None).unwrap();
        assert!(!context.is_sampled());
        assert_eq!(written(&context), (parent, None));
    }

    #[test]
    fn what_is_no_context_is_none() {
        for parent in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0é",
        ] {
            assert_eq!(read(parent, None), None, "{parent}");
        }
        assert!(read(&PARENT.replacen("00", "cc", 1), None).is_some(), "a later version");
        assert!(read(PARENT, Some("not a state")).is_some(), "a bad state loses no context");
    }
}
