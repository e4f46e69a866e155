//! The dashboard and the alerts ask for metrics that there are, under the names that
//! Prometheus gives them.

use std::collections::BTreeSet;

use es_telemetry::{METRICS, Metric, MetricKind};

use crate::catalogue::docs;

/// The names that a metric has in Prometheus, by the rules of its OTLP receiver: dots become
/// underscores, the unit is added, then `_total` for a counter and the three parts of a
/// histogram.
fn exported(metric: &Metric) -> Vec<String> {
    let mut name = metric.name.replace('.', "_");
    match (metric.unit, metric.kind) {
        ("s", _) => name.push_str("_seconds"),
        ("1", MetricKind::Gauge) => name.push_str("_ratio"),
        // What stands in braces is a remark.
        _ => {}
    }
    match metric.kind {
        MetricKind::Counter => vec![format!("{name}_total")],
        MetricKind::Histogram => {
            ["_bucket", "_sum", "_count"].map(|part| format!("{name}{part}")).to_vec()
        }
        _ => vec![name],
    }
}

fn is_of_ours(word: &str) -> bool {
    ["es_", "db_client_", "messaging_"].iter().any(|prefix| word.starts_with(prefix))
}

/// The names of ours in a query: words that begin as metrics do and are no label.
fn asked_for(query: &str) -> BTreeSet<String> {
    let is_part = |symbol: char| symbol.is_ascii_alphanumeric() || symbol == '_';
    let labels: BTreeSet<String> =
        es_telemetry::ATTRIBUTES.iter().map(|a| a.name.replace('.', "_")).collect();
    query
        .split(|symbol| !is_part(symbol))
        .filter(|word| is_of_ours(word))
        .filter(|word| !labels.contains(*word))
        .map(str::to_owned)
        .collect()
}

fn check(file: &str, is_query: impl Fn(&str) -> Option<String>) -> BTreeSet<String> {
    let text = std::fs::read_to_string(docs().join(file)).unwrap();
    let known: BTreeSet<String> = METRICS.iter().flat_map(exported).collect();
    let queries: Vec<String> = text.lines().filter_map(is_query).collect();
    assert!(!queries.is_empty(), "{file} asks for nothing");
    let mut all = BTreeSet::new();
    for query in queries {
        let names = asked_for(&query);
        assert!(!names.is_empty(), "{file}: {query} asks for nothing of ours");
        let unknown: Vec<_> = names.difference(&known).collect();
        assert!(unknown.is_empty(), "{file}: {query} asks for {unknown:?}");
        let depth = |open, close| query.matches(open).count() == query.matches(close).count();
        assert!(depth('(', ')') && depth('{', '}') && depth('[', ']'), "{file}: {query}");
        all.extend(names);
    }
    all
}

#[test]
fn the_dashboard_asks_for_what_there_is_and_shows_every_metric() {
    let file = "telemetry/grafana-dashboard.json";
    let shown = check(file, |line| {
        let query = line.trim().strip_prefix("\"expr\": ")?;
        Some(query.trim_end_matches(',').replace("\\\"", "\""))
    });
    for metric in METRICS {
        let is_shown = exported(metric).iter().any(|name| shown.contains(name));
        assert!(is_shown, "{} is on no panel", metric.name);
    }
}

#[test]
fn the_alerts_ask_for_what_there_is() {
    let file = "telemetry/prometheus-alerts.yml";
    let asked = check(file, |line| Some(line.trim().strip_prefix("expr: ")?.to_owned()));
    for needed in ["es_projection_healthy_ratio", "es_log_regressions_total"] {
        assert!(asked.contains(needed), "nobody is told of {needed}");
    }
}

#[test]
fn a_wrong_name_is_noticed() {
    assert_eq!(
        asked_for("sum by (es_category) (rate(es_append_events_total{es_result=\"ok\"}[5m]))"),
        ["es_append_events_total".to_owned()].into()
    );
    let known: BTreeSet<String> = METRICS.iter().flat_map(exported).collect();
    assert!(known.contains("es_append_duration_seconds_bucket"));
    assert!(!known.contains("es_append_events"));
}
