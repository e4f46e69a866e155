//! The client on a real server, and what breaks connections.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod cluster;
mod commands;
mod faults;
mod proxy;
mod server;
mod url;
