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

/// A span, its parts, and behind `~>` what was linked to it.
fn branch(text: &mut String, spans: &[SeenSpan], span: &SeenSpan, depth: usize) {
    let shown = ["es.stream.id", "es.projection", "es.attempts", "es.event_count", "es.result"];
    let shown = shown.iter().filter_map(|name| {
        let value = span.attributes.get(*name)?;
        Some(format!("{}={value}", name.trim_start_matches("es.")))
    });
    let (indent, name, took) = ("  ".repeat(depth), &span.name, span.took);
    let shown = shown.collect::<Vec<_>>().join(" ");
    let _ = writeln!(text, "{indent}{name:<24} {took:>10.1?}  {shown}");
    for part in spans.iter().filter(|part| part.parent.as_ref() == Some(&span.id)) {
        branch(text, spans, part, depth + 1);
    }
    for linked in spans.iter().filter(|other| other.links.iter().any(|(_, id)| *id == span.id)) {
        let _ = writeln!(text, "{indent}  ~> in a trace of its own:");
        branch(text, spans, linked, depth + 2);
    }
}

/// What was counted, and what was measured.
pub(crate) fn metrics(capture: &Capture) -> String {
    let mut text = String::new();
    for point in capture.points() {
        let of = point.attributes.values().cloned().collect::<Vec<_>>().join(", ");
        let (name, value, count, unit) = (&point.metric, point.value, point.count, &point.unit);
        let value = if count == 1 { format!("{value}") } else { format!("{value:.6} in {count}") };
        let _ = writeln!(text, "  {name:<28} {value:>16} {unit:<10} {of}");
    }
    text
}
