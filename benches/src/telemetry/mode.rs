//! What is set up in each mode.

use std::time::Duration;

use eventsource::{Telemetry, prelude::*};
use opentelemetry::{metrics::MeterProvider, trace::TracerProvider};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    metrics::{
        PeriodicReader, SdkMeterProvider, Temporality, data::ResourceMetrics,
        exporter::PushMetricExporter,
    },
    trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter},
};
use tracing::Dispatch;
use tracing_subscriber::{Registry, layer::SubscriberExt};

/// One way to be observed.
#[derive(Clone)]
pub(super) struct Mode {
    pub(super) name: &'static str,
    telemetry: Telemetry,
    dispatch: Option<Dispatch>,
    /// Kept, so that it works.
    _pipeline: Option<(SdkTracerProvider, SdkMeterProvider)>,
}

impl Mode {
    /// A subscriber that nobody set, and a meter that leads nowhere.
    pub(super) fn silent() -> Self {
        let telemetry = Telemetry::new();
        Self { name: "no subscriber", telemetry, dispatch: None, _pipeline: None }
    }

    /// A subscriber of `tracing` that keeps spans and does nothing with them.
    pub(super) fn tracing() -> Self {
        let dispatch = Some(Dispatch::new(Registry::default()));
        Self { name: "tracing", telemetry: Telemetry::new(), dispatch, _pipeline: None }
    }

    /// The SDK of OpenTelemetry, which sends to nobody.
    pub(super) fn sdk(name: &'static str, sampler: Sampler) -> Self {
        let tracers =
            SdkTracerProvider::builder().with_sampler(sampler).with_batch_exporter(Nobody).build();
        let reader = PeriodicReader::builder(Nobody).with_interval(Duration::from_secs(5)).build();
        let meters = SdkMeterProvider::builder().with_reader(reader).build();
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracers.tracer("bench"))
            .with_location(false)
            .with_threads(false)
            .with_level(false)
            .with_target(false)
            .with_tracked_inactivity(false);
        let dispatch = Some(Dispatch::new(Registry::default().with(layer)));
        let telemetry = Telemetry::with_meter(&meters.meter("bench"));
        Self { name, telemetry, dispatch, _pipeline: Some((tracers, meters)) }
    }

    pub(super) fn observer(&self) -> eventsource::SharedObserver {
        self.telemetry.observer()
    }

    pub(super) fn observe(&self, store: Store) -> Store {
        self.telemetry.observe(store)
    }

    /// Sets its subscriber for this thread, for as long as the guard is there.
    pub(super) fn here(&self) -> Option<tracing::dispatcher::DefaultGuard> {
        self.dispatch.as_ref().map(tracing::dispatcher::set_default)
    }
}

/// Takes everything and sends nothing.
#[derive(Debug)]
struct Nobody;

impl SpanExporter for Nobody {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        Ok(())
    }
}

impl PushMetricExporter for Nobody {
    async fn export(&self, _: &ResourceMetrics) -> OTelSdkResult {
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

/// The modes, made one after the other: while a subscriber is there, also code without one
/// is a little slower, so the one without comes first.
pub(super) fn all() -> impl Iterator<Item = Mode> {
    let modes: [fn() -> Mode; 4] = [
        Mode::silent,
        Mode::tracing,
        || Mode::sdk("SDK, not sampled", Sampler::AlwaysOff),
        || Mode::sdk("SDK, sampled", Sampler::AlwaysOn),
    ];
    modes.into_iter().map(|mode| mode())
}
