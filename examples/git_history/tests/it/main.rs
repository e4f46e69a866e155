//! Runs the program on repositories that git made, and on gits that lie.

#![cfg(unix)] // names of any bytes, links, modes, a shell
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, wherever it stands")]

mod changes;
mod failures;
mod history;
mod lies;
mod names;
mod program;
mod repository;
mod settings;
