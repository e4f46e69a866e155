#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "_pipeline")]
mod bridge;
#[cfg(feature = "capture")]
mod capture;
mod catalogue;
mod context;
mod gauges;
mod health;
mod instruments;
mod kept;
mod layer;
mod links;
mod observer;
#[cfg(any(feature = "otlp", feature = "stdout"))]
mod pipeline;
mod telemetry;

#[cfg(feature = "capture")]
pub use capture::{Capture, SeenPoint, SeenSpan};
pub use catalogue::{
    ATTRIBUTES, Attribute, METRICS, Metric, MetricKind, SPANS, SpanName, markdown,
};
pub use health::check;
#[cfg(any(feature = "otlp", feature = "stdout"))]
pub use pipeline::{Guard, Pipeline, init};
pub use telemetry::Telemetry;
