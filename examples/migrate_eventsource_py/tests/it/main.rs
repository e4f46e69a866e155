//! The import, from databases with both schemas.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod bad_rows;
mod faithful;
mod order;
mod program;
mod repeated;
mod source;
