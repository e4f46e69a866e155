#![doc = include_str!("../README.md")]

mod cluster;
mod command;
mod driver;
mod error;
mod in_order;
mod link;
mod options;
mod redis;
mod reply;
mod script;
mod slot;
mod slots;
mod trace;
mod way;

pub use command::{Argument, Command};
pub use error::{Error, ErrorKind, Refusal, Result};
pub use options::RedisOptions;
pub use redis::Redis;
pub use reply::Reply;
pub use script::Script;
pub use slot::slot;
