//! The one table of all names: what is emitted is made from it, and `docs/telemetry.md` is
//! written from it.

pub(crate) mod attributes;
pub(crate) mod metrics;
mod page;
mod spans;

pub use attributes::{ATTRIBUTES, Attribute};
pub use metrics::{METRICS, Metric, MetricKind};
pub use page::markdown;
pub use spans::{SPANS, SpanName};
