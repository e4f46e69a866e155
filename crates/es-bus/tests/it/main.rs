//! What the bus and the relay promise, on real stores.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod contract;
mod local;
#[cfg(feature = "redis")]
mod redis;
mod relay;
mod sample;
