#![doc = include_str!("../README.md")]

mod append;
mod backup;
mod clock;
mod error;
mod inbox;
mod near;
mod open;
mod options;
mod progress;
mod read;
mod readers;
mod snapshots;
mod store;
mod trace;
mod wal;
mod watch;
mod worker;

pub use inbox::SqliteInbox;
pub use options::{SqliteOptions, Synchronous, WhenFull};
pub use progress::{SqliteReadModel, SqliteTx};
pub use rusqlite;
pub use snapshots::SqliteSnapshotStore;
pub use store::SqliteStore;
