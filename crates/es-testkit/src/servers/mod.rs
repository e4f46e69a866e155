//! Real servers for the tests of crates that talk to one, and a proxy to stand between.
//!
//! Not here: what a crate must keep when its server is killed, paused, cut off, promoted or
//! wiped. That is in the tests of that crate.
//!
//! A server runs on a free port of this machine, keeps its data in a folder of its own, and
//! is killed when its value is dropped. Without the program of the server the test is skipped
//! by [`skip`](crate::skip), so start servers in the factory of a
//! [`Fixture`](crate::Fixture):
//!
//! ```no_run
//! use es_testkit::{Fixture, servers::{RedisConfig, RedisServer}};
//!
//! es_testkit::run(
//!     async { Fixture::new(RedisServer::start(&RedisConfig::durable()), ()) },
//!     |mut server| async move {
//!         server.ask(&["SET", "key", "value"]);
//!         server.kill();
//!         server.run_again();
//!         assert_eq!(server.ask(&["GET", "key"]).text(), "value");
//!     },
//! );
//! ```

mod cluster;
mod config;
mod data;
mod process;
mod proxy;
mod redis;
mod reply;
mod sentinel;

pub use cluster::RedisCluster;
pub use config::RedisConfig;
pub use data::RedisData;
pub use proxy::{Cut, Proxy};
pub use redis::RedisServer;
pub use reply::{Reply, ask};
pub use sentinel::RedisSentinel;
