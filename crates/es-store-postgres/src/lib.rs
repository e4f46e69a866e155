#![doc = include_str!("../README.md")]

mod append;
mod connect;
mod error;
mod hash;
mod migrate;
mod names;
mod options;
mod read;
mod store;
mod wait;

pub use deadpool_postgres;
pub use options::PostgresOptions;
pub use store::PostgresStore;
pub use tokio_postgres;
