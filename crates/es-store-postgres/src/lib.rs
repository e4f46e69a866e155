#![doc = include_str!("../README.md")]

mod append;
mod ask;
mod connect;
mod durability;
mod error;
mod hash;
mod hosts;
mod identity;
mod inbox;
mod lent;
mod migrate;
mod names;
mod observe;
mod operate;
mod options;
mod outage;
mod pooler;
mod progress;
mod read;
mod replica;
mod snapshots;
mod store;
mod tls;
mod trace;
mod url;
mod wait;

pub use deadpool_postgres;
pub use inbox::PostgresInbox;
pub use options::PostgresOptions;
pub use outage::is_out_of_reach;
pub use progress::{PgTx, PostgresReadModel};
pub use replica::ReplicaLag;
pub use snapshots::PostgresSnapshotStore;
pub use store::PostgresStore;
pub use tokio_postgres;
