//! A pipeline at work, which sends what is left when it is dropped.

use es_core::{Error, ErrorKind, Result};
use opentelemetry::{global, metrics::MeterProvider};
use opentelemetry_sdk::{
    metrics::SdkMeterProvider, propagation::TraceContextPropagator, trace::SdkTracerProvider,
};
use tracing::Subscriber;
use tracing_subscriber::{
    Layer, Registry, filter::Targets, layer::SubscriberExt, registry::LookupSpan,
};

#[cfg(feature = "otlp")]
use super::sender::Sender;
use crate::{Telemetry, bridge, telemetry::SCOPE};

/// A pipeline at work. Keep it until the end of the program: dropping it sends what is left,
/// and waits for that on the thread that drops it, on whichever runtime that is.
#[derive(Debug)]
#[must_use = "dropping it ends the pipeline"]
pub struct Guard {
    telemetry: Telemetry,
    tracers: SdkTracerProvider,
    meters: SdkMeterProvider,
    /// None where everything is printed. It goes behind what is sent at the end.
    #[cfg(feature = "otlp")]
    _sender: Option<Sender>,
}

impl Guard {
    pub(super) fn new(tracers: SdkTracerProvider, meters: SdkMeterProvider) -> Self {
        let telemetry = Telemetry::with_meter(&meters.meter(SCOPE));
        Self {
            telemetry,
            tracers,
            meters,
            #[cfg(feature = "otlp")]
            _sender: None,
        }
    }

    /// The same, which sends by `sender`.
    #[cfg(feature = "otlp")]
    pub(super) fn sending_by(mut self, sender: Sender) -> Self {
        self._sender = Some(sender);
        self
    }

    /// What measures with this pipeline.
    #[must_use]
    pub const fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// A layer for a subscriber of the program's own, that takes spans into this pipeline.
    #[must_use]
    pub fn tracing_layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        bridge::layer(&self.tracers)
    }

    /// Sends what there is, and waits for that. Other tasks of the thread that calls wait as
    /// well: where that matters, call it in `tokio::task::spawn_blocking`.
    ///
    /// # Errors
    /// `Unavailable` when it could not be sent.
    pub fn flush(&self) -> Result<()> {
        let spans = self.tracers.force_flush();
        let metrics = self.meters.force_flush();
        spans.and(metrics).map_err(|error| {
            let message = "spans and metrics could not be sent";
            Error::new(ErrorKind::Unavailable, message).with_source(error)
        })
    }

    /// Makes it the pipeline of the process.
    pub(super) fn installed(self) -> Result<Self> {
        let levels = std::env::var("RUST_LOG").ok().and_then(|levels| levels.parse().ok());
        let levels: Targets =
            levels.unwrap_or_else(|| Targets::new().with_default(tracing::Level::INFO));
        let subscriber = Registry::default().with(self.tracing_layer().with_filter(levels));
        tracing::subscriber::set_global_default(subscriber).map_err(|error| {
            let message = "the process has a subscriber of `tracing` already: build the pipeline \
                           and add its `tracing_layer` to that";
            Error::new(ErrorKind::Unsupported, message).with_source(error)
        })?;
        global::set_text_map_propagator(TraceContextPropagator::new());
        global::set_tracer_provider(self.tracers.clone());
        global::set_meter_provider(self.meters.clone());
        Ok(self)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        for ended in [self.tracers.shutdown(), self.meters.shutdown()] {
            if let Err(error) = ended {
                tracing::warn!(%error, "the last spans or metrics could not be sent");
            }
        }
    }
}
