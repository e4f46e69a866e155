//! The guide is followed literally, and whatever the documents say to type in is typed in.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod chapters;
mod commands;
mod decided;
mod documents;
mod getting_started;
mod manifests;
mod messages;
mod programs;
mod reference;
mod servers;
mod settings;
mod statements;
