//! What the parts of the library tell of their work to whoever measures it, and the names of
//! the spans that they open. Nothing here measures: see the crate es-telemetry.

mod gauge;
mod observation;
mod observer;
mod outcome;
pub mod spans;

#[cfg(test)]
mod tests;

pub use gauge::{Gauge, GaugeSource, GroupWork};
pub use observation::{Observation, SnapshotUse};
pub use observer::{Observer, SharedObserver};
pub use outcome::Outcome;
