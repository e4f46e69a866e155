//! The shop, over HTTP.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod browser;
mod commands;
mod feed;
mod health;
mod mails;
mod opened;
mod program;
mod reading;
