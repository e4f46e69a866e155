//! What a pipeline is set to, and how it is made.

use std::time::Duration;

use es_core::{Invalid, Result};
use opentelemetry_sdk::{
    Resource,
    metrics::{MeterProviderBuilder, SdkMeterProvider},
    trace::{Sampler, SdkTracerProvider, TracerProviderBuilder},
};

use super::Guard;

/// Where spans and metrics go, and how many of them.
///
/// [`Pipeline::start`] sets them up for the whole process. A program that has a subscriber of
/// its own takes [`Pipeline::build`], and adds [`Guard::tracing_layer`] to it. A program that has a
/// pipeline already needs none of this: [`Telemetry::new`](crate::Telemetry::new) measures
/// with whatever is there.
#[derive(Clone, Debug)]
#[must_use = "nothing is set up until it is started"]
pub struct Pipeline {
    service: String,
    sink: Sink,
    sampled: f64,
    interval: Duration,
}

#[derive(Clone, Debug)]
enum Sink {
    #[cfg(feature = "otlp")]
    Otlp { endpoint: Option<String> },
    #[cfg(feature = "stdout")]
    Stdout,
}

impl Pipeline {
    /// Sends everything to a collector, by OTLP over gRPC.
    #[cfg(feature = "otlp")]
    pub fn otlp(service: impl Into<String>) -> Self {
        Self::to(Sink::Otlp { endpoint: None }, service.into())
    }

    /// Prints everything.
    #[cfg(feature = "stdout")]
    pub fn stdout(service: impl Into<String>) -> Self {
        Self::to(Sink::Stdout, service.into())
    }

    fn to(sink: Sink, service: String) -> Self {
        Self { service, sink, sampled: 1.0, interval: Duration::from_secs(10) }
    }

    /// Sends to this collector: `http://collector:4317`. Without it the variables of the
    /// standard are looked at. It means nothing for what is printed.
    #[cfg(feature = "otlp")]
    pub fn with_endpoint(mut self, url: impl Into<String>) -> Self {
        match &mut self.sink {
            Sink::Otlp { endpoint } => *endpoint = Some(url.into()),
            #[cfg(feature = "stdout")]
            Sink::Stdout => {}
        }
        self
    }

    /// Keeps this part of the traces that begin here, from 0 to 1; all, if it is not said. A
    /// trace that began elsewhere is kept if it was kept there. The context is written into
    /// events in any case.
    ///
    /// # Errors
    /// `Invalid` for what is no number from 0 to 1.
    pub fn with_sampling(mut self, part: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&part) {
            let setting = "the part of the traces that is kept";
            let (value, remedy) = (part.to_string(), "say a number from 0 to 1");
            return Err(Invalid::Setting { setting, value, remedy }.into());
        }
        self.sampled = part;
        Ok(self)
    }

    /// How often metrics are sent; every ten seconds if it is not said.
    ///
    /// # Errors
    /// `Invalid` for no time at all.
    pub fn with_interval(mut self, time: Duration) -> Result<Self> {
        if time.is_zero() {
            let setting = "how often metrics are sent";
            let (value, remedy) = ("0".to_owned(), "say a second or more");
            return Err(Invalid::Setting { setting, value, remedy }.into());
        }
        self.interval = time;
        Ok(self)
    }

    /// Makes the pipeline and sets it up for the process: as the subscriber of `tracing`, with
    /// the levels that the variable `RUST_LOG` says (`info` if it does not), and as the
    /// providers and the propagator of OpenTelemetry.
    ///
    /// # Errors
    /// Those of [`Pipeline::build`]; `Unsupported` when the process has a subscriber already.
    pub fn start(self) -> Result<Guard> {
        self.build()?.installed()
    }

    /// Makes the pipeline and sets up nothing: what it measures, and what
    /// [`Guard::tracing_layer`] is given, goes through it.
    ///
    /// # Errors
    /// `Invalid` when the address of the collector makes no sense; `Fault` when there is no thread
    /// to be had for sending.
    pub fn build(self) -> Result<Guard> {
        let resource = Resource::builder().with_service_name(self.service.clone()).build();
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(self.sampled)));
        let tracers = SdkTracerProvider::builder().with_resource(resource.clone());
        let meters = SdkMeterProvider::builder().with_resource(resource);
        self.exporting(tracers.with_sampler(sampler), meters)
    }

    fn exporting(
        &self,
        tracers: TracerProviderBuilder,
        meters: MeterProviderBuilder,
    ) -> Result<Guard> {
        match &self.sink {
            #[cfg(feature = "otlp")]
            Sink::Otlp { endpoint } => {
                let sender = super::sender::Sender::start()?;
                let (spans, metrics) = {
                    let _its_tasks = sender.enter();
                    otlp(endpoint.as_deref())?
                };
                let reader = opentelemetry_sdk::metrics::PeriodicReader::builder(metrics)
                    .with_interval(self.interval)
                    .build();
                let tracers = tracers.with_batch_exporter(spans).build();
                let guard = Guard::new(tracers, meters.with_reader(reader).build());
                Ok(guard.sending_by(sender))
            }
            #[cfg(feature = "stdout")]
            Sink::Stdout => {
                let metrics = opentelemetry_stdout::MetricExporter::default();
                let reader = opentelemetry_sdk::metrics::PeriodicReader::builder(metrics)
                    .with_interval(self.interval)
                    .build();
                let spans = opentelemetry_stdout::SpanExporter::default();
                let tracers = tracers.with_batch_exporter(spans).build();
                Ok(Guard::new(tracers, meters.with_reader(reader).build()))
            }
        }
    }
}

#[cfg(feature = "otlp")]
fn otlp(
    endpoint: Option<&str>,
) -> Result<(opentelemetry_otlp::SpanExporter, opentelemetry_otlp::MetricExporter)> {
    use es_core::Error;
    use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig};

    let wrong = |error| {
        let setting = "the address of the collector";
        let value = endpoint.unwrap_or("(from the environment)").to_owned();
        let remedy = "write http://host:4317";
        Error::from(Invalid::Setting { setting, value, remedy }).with_source(error)
    };
    let spans = SpanExporter::builder().with_tonic();
    let metrics = MetricExporter::builder().with_tonic();
    let (spans, metrics) = match endpoint {
        None => (spans.build(), metrics.build()),
        Some(url) => (spans.with_endpoint(url).build(), metrics.with_endpoint(url).build()),
    };
    Ok((spans.map_err(wrong)?, metrics.map_err(wrong)?))
}
