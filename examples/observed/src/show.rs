//! A trace as a tree, with what is linked to it.

use std::fmt::Write as _;

use eventsource::telemetry::{Capture, SeenSpan};

/// The trace that begins with the span of this name.
pub(crate) fn trace(spans: &[SeenSpan], root: &str) -> String {
    let mut text = String::new();
    for span in spans.iter().filter(|span| span.name == root) {
        branch(&mut text, spans, span, 1);
    }
    text
}

/// A span, its parts, and what was linked to it.
fn branch(text: &mut String, spans: &[SeenSpan], span: &SeenSpan, depth: usize) {
    let shown = ["es.attempts", "es.event_count", "es.result"].iter();
    let shown = shown.filter_map(|name| Some(format!("{name}={} ", span.attributes.get(*name)?)));
    let (indent, name, took) = ("  ".repeat(depth), &span.name, format!("{:.1?}", span.took));
    let _ = writeln!(text, "{indent}{name:<24} {took:>9}  {}", shown.collect::<String>());
    for part in spans.iter().filter(|part| part.parent.as_ref() == Some(&span.id)) {
        branch(text, spans, part, depth + 1);
    }
    for linked in spans.iter().filter(|other| other.links.iter().any(|(_, id)| *id == span.id)) {
        let _ = writeln!(text, "{indent}  ~> linked, in a trace of its own");
        branch(text, spans, linked, depth + 2);
    }
}

/// What was counted, and what was measured.
pub(crate) fn metrics(capture: &Capture) -> String {
    let mut text = String::new();
    for point in capture.points() {
        let of = point.attributes.values().cloned().collect::<Vec<_>>().join(", ");
        let (name, value, count, unit) = (&point.metric, point.value, point.count, &point.unit);
        let value = format!("{value:.6}");
        let value = value.trim_end_matches('0').trim_end_matches('.');
        let _ = writeln!(text, "  {name:<34} {value:>10} {unit:<10} ({count}) {of}");
    }
    text
}
