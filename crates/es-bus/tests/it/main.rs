//! What the bus and the relay promise, on real stores.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod local;
mod relay;
mod sample;
