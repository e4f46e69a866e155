#![doc = include_str!("../README.md")]

mod append;
mod error;
mod open;
mod options;
mod read;
mod readers;
mod store;
mod watch;

pub use options::{SqliteOptions, Synchronous, WhenFull};
pub use store::SqliteStore;
