#![doc = include_str!("../README.md")]

mod append;
mod error;
mod keys;
mod open;
mod options;
mod read;
mod record;
mod store;
mod wait;

pub use options::RedisOptions;
pub use store::RedisStore;
