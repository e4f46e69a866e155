//! The promises P1 to P7 and what else a runner does, on the memory store and its read model.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod ledger;
mod spoilt;

mod diverged;
mod elsewhere;
mod exactly_once;
mod feeds;
mod fenced;
mod give_way;
mod handle;
mod health;
mod lease;
mod long;
mod observed;
mod outage;
mod outside;
mod panics;
mod poison;
mod reactor;
mod rebuild;
mod replay;
mod seam;
mod settings;
mod simulated;
mod slices;
mod status;
mod stop;
mod unknown;
mod unreadable;
mod wait;
