//! The store on a real server: the contract, random histories, and what breaks connections.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod checks;
mod contract;
mod machine;
mod parked;
mod server;
mod skip;
