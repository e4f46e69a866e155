//! Runs the program on repositories that git made, and on gits that lie.

#![cfg(target_os = "linux")] // names of any bytes, and the tools of GNU
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, wherever it stands")]

mod changes;
mod failures;
mod history;
mod lies;
mod names;
mod program;
mod repository;
mod settings;
