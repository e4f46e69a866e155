#![doc = include_str!("../README.md")]

mod progress;
mod snapshots;

pub use progress::{RedisReadModel, RedisTx};
pub use snapshots::RedisSnapshotStore;
