//! The store on real files, in memory, from several processes, and through crashes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod ahead;
mod alone;
mod backup;
mod beside;
mod checks;
mod child;
mod contract;
mod crash;
mod disk;
mod kept;
mod machine;
mod model;
mod model_child;
mod model_processes;
mod observed;
mod opening;
mod pieces;
mod pressure;
mod processes;
mod shared;
mod unreadable;
mod wal;
