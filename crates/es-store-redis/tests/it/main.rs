//! The store on a real server: the contract, random histories, and what breaks.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod again;
mod ahead;
mod bounds;
mod checks;
mod cluster;
mod conditions;
mod contract;
mod crash;
mod cut;
mod diverged;
mod load;
mod long;
mod lost;
mod machine;
mod midway;
mod narrow;
mod partitions;
mod progress;
mod progress_faults;
mod rights;
mod rows;
mod server;
mod skip;
mod states;
#[cfg(feature = "tls")]
mod tls;
mod waiting;
