//! The instruments, made from the catalogue.

use opentelemetry::metrics::{Counter, Histogram, Meter};

use crate::catalogue::{Metric, MetricKind, metrics};

/// Bounds of what is measured in seconds: from an append in memory to a lock that was waited
/// for.
const SECONDS: &[f64] = &[
    0.000_01, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Bounds of what is counted.
const COUNTS: &[f64] =
    &[0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 10_000.0, 100_000.0];

/// What measurements are recorded with.
#[derive(Debug)]
pub(crate) struct Instruments {
    pub(crate) append_duration: Histogram<f64>,
    pub(crate) append_events: Counter<u64>,
    pub(crate) append_conflicts: Counter<u64>,
    pub(crate) append_duplicates: Counter<u64>,
    pub(crate) append_unknown: Counter<u64>,
    pub(crate) commit_appends: Histogram<u64>,
    pub(crate) commit_wait: Histogram<f64>,
    pub(crate) commit_duration: Histogram<f64>,
    pub(crate) load_duration: Histogram<f64>,
    pub(crate) load_events: Histogram<u64>,
    pub(crate) log_regressions: Counter<u64>,
    pub(crate) execute_duration: Histogram<f64>,
    pub(crate) execute_retries: Counter<u64>,
    pub(crate) snapshot_lookups: Counter<u64>,
    pub(crate) projection_duration: Histogram<f64>,
    pub(crate) projection_batch: Histogram<u64>,
    pub(crate) projection_events: Counter<u64>,
    pub(crate) projection_errors: Counter<u64>,
    pub(crate) projection_retries: Counter<u64>,
    pub(crate) projection_dead_letters: Counter<u64>,
    pub(crate) projection_released: Counter<u64>,
    pub(crate) sent_messages: Counter<u64>,
    pub(crate) operation_duration: Histogram<f64>,
    pub(crate) consumed_messages: Counter<u64>,
    pub(crate) process_duration: Histogram<f64>,
    pub(crate) bus_retries: Counter<u64>,
    pub(crate) bus_dead_letters: Counter<u64>,
}

impl Instruments {
    pub(crate) fn new(meter: &Meter) -> Self {
        let seconds = |metric: Metric| {
            debug_assert!(metric.kind == MetricKind::Histogram && metric.unit == "s");
            let builder = meter.f64_histogram(metric.name).with_unit(metric.unit);
            builder.with_description(metric.meaning).with_boundaries(SECONDS.to_vec()).build()
        };
        let counts = |metric: Metric| {
            debug_assert!(metric.kind == MetricKind::Histogram && metric.unit != "s");
            let builder = meter.u64_histogram(metric.name).with_unit(metric.unit);
            builder.with_description(metric.meaning).with_boundaries(COUNTS.to_vec()).build()
        };
        let counter = |metric: Metric| {
            debug_assert!(metric.kind == MetricKind::Counter);
            let builder = meter.u64_counter(metric.name).with_unit(metric.unit);
            builder.with_description(metric.meaning).build()
        };
        Self {
            append_duration: seconds(metrics::APPEND_DURATION),
            append_events: counter(metrics::APPEND_EVENTS),
            append_conflicts: counter(metrics::APPEND_CONFLICTS),
            append_duplicates: counter(metrics::APPEND_DUPLICATES),
            append_unknown: counter(metrics::APPEND_UNKNOWN),
            commit_appends: counts(metrics::COMMIT_APPENDS),
            commit_wait: seconds(metrics::COMMIT_WAIT),
            commit_duration: seconds(metrics::COMMIT_DURATION),
            load_duration: seconds(metrics::LOAD_DURATION),
            load_events: counts(metrics::LOAD_EVENTS),
            log_regressions: counter(metrics::LOG_REGRESSIONS),
            execute_duration: seconds(metrics::EXECUTE_DURATION),
            execute_retries: counter(metrics::EXECUTE_RETRIES),
            snapshot_lookups: counter(metrics::SNAPSHOT_LOOKUPS),
            projection_duration: seconds(metrics::PROJECTION_DURATION),
            projection_batch: counts(metrics::PROJECTION_BATCH),
            projection_events: counter(metrics::PROJECTION_EVENTS),
            projection_errors: counter(metrics::PROJECTION_ERRORS),
            projection_retries: counter(metrics::PROJECTION_RETRIES),
            projection_dead_letters: counter(metrics::PROJECTION_DEAD_LETTERS),
            projection_released: counter(metrics::PROJECTION_RELEASED),
            sent_messages: counter(metrics::SENT_MESSAGES),
            operation_duration: seconds(metrics::OPERATION_DURATION),
            consumed_messages: counter(metrics::CONSUMED_MESSAGES),
            process_duration: seconds(metrics::PROCESS_DURATION),
            bus_retries: counter(metrics::BUS_RETRIES),
            bus_dead_letters: counter(metrics::BUS_DEAD_LETTERS),
        }
    }
}
