#![doc = include_str!("../README.md")]

mod append;
mod clock;
mod index;
mod log;
mod progress;
mod publish;
mod read;
#[cfg(test)]
mod sample;
mod shared;
mod snapshots;
mod store;

pub use progress::{MemoryCheckpointStore, MemoryReadModel, MemoryTx, Table};
pub use snapshots::MemorySnapshotStore;
pub use store::MemoryStore;
