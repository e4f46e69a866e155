#![doc = include_str!("../README.md")]

mod append;
mod connect;
mod error;
mod hash;
mod identity;
mod inbox;
mod migrate;
mod names;
mod observe;
mod options;
mod progress;
mod read;
mod snapshots;
mod store;
mod tls;
mod trace;
mod wait;

pub use deadpool_postgres;
pub use inbox::PostgresInbox;
pub use options::PostgresOptions;
pub use progress::{PgTx, PostgresReadModel};
pub use snapshots::PostgresSnapshotStore;
pub use store::PostgresStore;
pub use tokio_postgres;
