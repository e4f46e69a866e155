//! What is told of the memory store, and that everything that is told is documented.
#![cfg(feature = "capture")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod appends;
mod catalogue;
mod checks;
mod context;
mod dashboard;
mod health;
#[cfg(all(feature = "otlp", feature = "stdout"))]
mod pipeline;
mod reads;
mod told;
