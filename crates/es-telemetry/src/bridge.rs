//! Spans of `tracing` as spans of OpenTelemetry.

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::{Layer, registry::LookupSpan};

use crate::telemetry::SCOPE;

/// A layer that takes spans to `tracers`. What costs on each span and tells little (places in
/// the source, threads, times of inactivity) is left out.
pub(crate) fn layer<S>(tracers: &SdkTracerProvider) -> impl Layer<S> + Send + Sync + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    tracing_opentelemetry::layer()
        .with_tracer(tracers.tracer(SCOPE))
        .with_location(false)
        .with_threads(false)
        .with_level(false)
        .with_target(false)
        .with_tracked_inactivity(false)
}
