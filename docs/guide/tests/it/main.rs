//! The guide is followed literally, and no chapter is left out of the doctests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod chapters;
mod getting_started;
