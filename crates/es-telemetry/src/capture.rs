//! Spans and metrics kept in memory, for tests of what a program tells.

use std::{collections::BTreeMap, time::Duration};

use opentelemetry::{
    KeyValue, Value,
    metrics::MeterProvider as _,
    trace::{SpanId, Status},
};
use opentelemetry_sdk::{
    metrics::{
        InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
        data::{AggregatedMetrics, MetricData},
    },
    trace::{InMemorySpanExporter, Sampler, SdkTracerProvider, SpanData},
};
use tracing::{Dispatch, Subscriber};
use tracing_subscriber::{Layer, Registry, layer::SubscriberExt, registry::LookupSpan};

use crate::{Telemetry, bridge, telemetry::SCOPE};

/// Keeps spans and metrics in memory, in plain types, for tests.
///
/// ```
/// use es_core::{Append, ExpectedVersion, NewEvent, Payload, Schema, Store, StreamId};
/// use es_store_memory::MemoryStore;
/// use es_telemetry::Capture;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> es_core::Result<()> {
/// let capture = Capture::new();
/// let _here = tracing::dispatcher::set_default(&capture.dispatch());
/// let store = capture.telemetry().observe(Store::new(MemoryStore::new()));
/// let noted = NewEvent::raw(Schema::from_static("noted", 1), Payload::json(&1)?);
/// let stream = StreamId::new("note", "a")?;
/// store.append(Append::to(stream, ExpectedVersion::Any).event(noted)).await?;
/// assert_eq!(capture.spans()[0].name, "es.append note");
/// assert_eq!(capture.sum("es.append.events", &[("es.category", "note")]), 1.0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Capture {
    telemetry: Telemetry,
    tracers: SdkTracerProvider,
    meters: SdkMeterProvider,
    spans: InMemorySpanExporter,
    metrics: InMemoryMetricExporter,
}

/// A span that has ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SeenSpan {
    /// Its name, as it is shown.
    pub name: String,
    /// Its kind: `Internal`, `Consumer`.
    pub kind: String,
    /// The trace that it is part of, in hexadecimal.
    pub trace: String,
    /// Its own id, likewise.
    pub id: String,
    /// The span that it is part of, if there is one.
    pub parent: Option<String>,
    /// The spans that it is linked to, each with its trace first.
    pub links: Vec<(String, String)>,
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
    /// Those of them that are numbers, which can be added up and compared.
    pub numbers: BTreeMap<String, i64>,
    /// Whether something was broken.
    pub is_error: bool,
    /// How long it took.
    pub took: Duration,
}

/// A value of a metric.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SeenPoint {
    /// The metric.
    pub metric: String,
    /// Its unit.
    pub unit: String,
    /// What it is told apart by.
    pub attributes: BTreeMap<String, String>,
    /// Its value; of a histogram, the sum of what was recorded.
    pub value: f64,
    /// How many values were recorded in a histogram; 1 for what is none.
    pub count: u64,
}

impl Capture {
    /// Keeps all spans.
    #[must_use]
    pub fn new() -> Self {
        Self::sampling(Sampler::AlwaysOn)
    }

    /// Keeps no spans: as for the traces that sampling leaves out, there are contexts all the
    /// same.
    #[must_use]
    pub fn unsampled() -> Self {
        Self::sampling(Sampler::AlwaysOff)
    }

    fn sampling(sampler: Sampler) -> Self {
        let (spans, metrics) = (InMemorySpanExporter::default(), InMemoryMetricExporter::default());
        let tracers = SdkTracerProvider::builder()
            .with_sampler(sampler)
            // What is linked too often is to be seen, not cut off.
            .with_max_links_per_span(10_000)
            .with_simple_exporter(spans.clone())
            .build();
        let reader = PeriodicReader::builder(metrics.clone())
            .with_interval(Duration::from_secs(60 * 60))
            .build();
        let meters = SdkMeterProvider::builder().with_reader(reader).build();
        let telemetry = Telemetry::with_meter(&meters.meter(SCOPE));
        Self { telemetry, tracers, meters, spans, metrics }
    }

    /// What measures for it.
    #[must_use]
    pub const fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// A layer for a subscriber, that takes spans here.
    #[must_use]
    pub fn tracing_layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        bridge::layer(&self.tracers)
    }

    /// A subscriber that takes spans of every level here: for
    /// [`tracing::dispatcher::set_default`], on the thread of a test.
    #[must_use]
    pub fn dispatch(&self) -> Dispatch {
        Dispatch::new(Registry::default().with(self.tracing_layer()))
    }

    /// The spans that have ended, in the order in which they did.
    #[must_use]
    pub fn spans(&self) -> Vec<SeenSpan> {
        let spans = self.spans.get_finished_spans().unwrap_or_default();
        spans.into_iter().map(SeenSpan::of).collect()
    }

    /// All values of all metrics as they are now.
    #[must_use]
    pub fn points(&self) -> Vec<SeenPoint> {
        self.metrics.reset();
        // What cannot be collected is not there, and the test sees that.
        let _ = self.meters.force_flush();
        let collected = self.metrics.get_finished_metrics().unwrap_or_default();
        let Some(last) = collected.last() else { return Vec::new() };
        let mut points = Vec::new();
        for metric in last.scope_metrics().flat_map(|scope| scope.metrics()) {
            let named = |(attributes, value, count)| SeenPoint {
                metric: metric.name().to_owned(),
                unit: metric.unit().to_owned(),
                attributes,
                value,
                count,
            };
            let values = match metric.data() {
                AggregatedMetrics::F64(data) => values(data, |value| value),
                AggregatedMetrics::U64(data) => values(data, as_f64),
                AggregatedMetrics::I64(_) => Vec::new(),
            };
            points.extend(values.into_iter().map(named));
        }
        points
    }

    /// The values of one metric with these attributes, and perhaps others, added up.
    #[must_use]
    pub fn sum(&self, metric: &str, attributes: &[(&str, &str)]) -> f64 {
        self.matching(metric, attributes).iter().map(|point| point.value).sum()
    }

    /// How many values were recorded in the histograms of one metric with these attributes.
    #[must_use]
    pub fn count(&self, metric: &str, attributes: &[(&str, &str)]) -> u64 {
        self.matching(metric, attributes).iter().map(|point| point.count).sum()
    }

    fn matching(&self, metric: &str, attributes: &[(&str, &str)]) -> Vec<SeenPoint> {
        let mut points = self.points();
        points.retain(|point| {
            let has = |(name, value): &(&str, &str)| {
                point.attributes.get(*name).is_some_and(|found| found == value)
            };
            point.metric == metric && attributes.iter().all(has)
        });
        points
    }
}

impl Default for Capture {
    fn default() -> Self {
        Self::new()
    }
}

impl SeenSpan {
    fn of(span: SpanData) -> Self {
        let links = span.links.iter().map(|link| {
            let context = &link.span_context;
            (context.trace_id().to_string(), context.span_id().to_string())
        });
        let parent = Some(span.parent_span_id).filter(|parent| *parent != SpanId::INVALID);
        Self {
            name: span.name.to_string(),
            kind: format!("{:?}", span.span_kind),
            trace: span.span_context.trace_id().to_string(),
            id: span.span_context.span_id().to_string(),
            parent: parent.map(|parent| parent.to_string()),
            links: links.collect(),
            numbers: span.attributes.iter().filter_map(number).collect(),
            attributes: plain(span.attributes.iter()),
            is_error: matches!(span.status, Status::Error { .. }),
            took: span.end_time.duration_since(span.start_time).unwrap_or_default(),
        }
    }
}

type Values = Vec<(BTreeMap<String, String>, f64, u64)>;

fn values<T: Copy>(data: &MetricData<T>, number: impl Fn(T) -> f64) -> Values {
    match data {
        MetricData::Gauge(gauge) => {
            gauge.data_points().map(|p| (plain(p.attributes()), number(p.value()), 1)).collect()
        }
        MetricData::Sum(sum) => {
            sum.data_points().map(|p| (plain(p.attributes()), number(p.value()), 1)).collect()
        }
        MetricData::Histogram(histogram) => histogram
            .data_points()
            .map(|p| (plain(p.attributes()), number(p.sum()), p.count()))
            .collect(),
        MetricData::ExponentialHistogram(_) => Vec::new(),
    }
}

fn number(attribute: &KeyValue) -> Option<(String, i64)> {
    match &attribute.value {
        Value::I64(number) => Some((attribute.key.to_string(), *number)),
        _ => None,
    }
}

fn plain<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> BTreeMap<String, String> {
    attributes.map(|one| (one.key.to_string(), one.value.to_string())).collect()
}

#[expect(clippy::cast_precision_loss, reason = "what tests count stays far below 2^53")]
fn as_f64(number: u64) -> f64 {
    number as f64
}
