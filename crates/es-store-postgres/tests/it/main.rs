//! The store on a real server: the contract, random histories, and what breaks connections.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod ahead;
mod behind;
mod checks;
mod contract;
mod crash;
mod cut;
mod idle;
mod inbox;
mod keys;
mod lending;
mod machine;
mod migrating;
mod notified;
mod observed;
mod odd;
mod optimistic;
mod outage;
mod own_server;
mod parked;
mod partitions;
mod pgbouncer;
mod plans;
mod pooler;
mod pools;
mod processes;
mod restore;
mod server;
mod settings;
mod sight;
mod silence;
mod skip;
mod standby;
mod tenants;
#[cfg(feature = "tls")]
mod tls;
mod unpolled;
