//! What only the crates together can show.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[cfg(all(feature = "projection", feature = "derive"))]
mod chaos;
#[cfg(all(feature = "projection", feature = "derive"))]
mod inline;
#[cfg(all(feature = "aggregate", feature = "projection", feature = "derive", feature = "redis"))]
mod partitions;
#[cfg(all(feature = "projection", feature = "derive"))]
mod projections;
#[cfg(all(feature = "aggregate", feature = "bus", feature = "derive"))]
mod publishing;
#[cfg(all(feature = "bus", feature = "derive", feature = "memory", feature = "redis"))]
mod relay;
#[cfg(all(feature = "derive", feature = "memory"))]
mod renamed;
#[cfg(all(feature = "projection", feature = "derive", feature = "postgres"))]
mod sent;
#[cfg(all(
    feature = "aggregate",
    feature = "bus",
    feature = "derive",
    feature = "projection",
    feature = "sqlite",
    feature = "telemetry-capture"
))]
mod telemetry;
#[cfg(all(feature = "projection", feature = "derive"))]
mod trouble;
