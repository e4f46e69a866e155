//! The page of the catalogue, as it stands in `docs/telemetry.md`.

use std::fmt::Write as _;

use super::{ATTRIBUTES, METRICS, MetricKind, SPANS};

/// All spans, metrics and attributes as tables of Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::new();
    // Writing to a string does not fail.
    let _ = write_page(&mut page);
    page
}

fn write_page(page: &mut String) -> std::fmt::Result {
    writeln!(page, "## Spans\n")?;
    writeln!(page, "| span | kind | level | target | what | attributes |")?;
    writeln!(page, "|---|---|---|---|---|---|")?;
    for span in SPANS {
        let (shown, kind, level) = (span.shown, span.kind, span.level);
        let (emitter, meaning) = (span.emitter, span.meaning);
        let attributes = code(span.attributes);
        writeln!(
            page,
            "| `{shown}` | {kind} | {level} | `{emitter}` | {meaning} | {attributes} |"
        )?;
    }
    writeln!(page, "\n## Metrics\n")?;
    writeln!(page, "| metric | kind | unit | what | attributes |")?;
    writeln!(page, "|---|---|---|---|---|")?;
    for metric in METRICS {
        let kind = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Histogram => "histogram",
            MetricKind::Gauge => "gauge",
        };
        let (name, unit, meaning) = (metric.name, metric.unit, metric.meaning);
        let attributes = code(metric.attributes);
        writeln!(page, "| `{name}` | {kind} | `{unit}` | {meaning} | {attributes} |")?;
    }
    writeln!(page, "\n## Attributes\n")?;
    writeln!(page, "| attribute | what it says |")?;
    writeln!(page, "|---|---|")?;
    for attribute in ATTRIBUTES {
        writeln!(page, "| `{}` | {} |", attribute.name, attribute.meaning)?;
    }
    Ok(())
}

fn code(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ")
}
