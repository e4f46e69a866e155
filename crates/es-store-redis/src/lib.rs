#![doc = include_str!("../README.md")]

mod append;
mod error;
mod keys;
mod observe;
mod open;
mod options;
mod partitions;
mod progress;
mod read;
mod record;
mod snapshots;
mod store;
mod wait;

pub use options::RedisOptions;
pub use partitions::{
    Followed, OfPartition, PartitionsError, Placement, RedisFollow, RedisPartitions, RedisPositions,
};
pub use progress::{RedisReadModel, RedisTx};
pub use snapshots::RedisSnapshotStore;
pub use store::RedisStore;
