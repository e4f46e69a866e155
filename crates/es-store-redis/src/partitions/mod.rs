//! Several logs as parts of one whole, where a program chooses that: more than one server
//! can write, and no order of all events.
//!
//! Not here: what a log does. Each partition is a log as any other, under keys of its own;
//! this module decides which stream belongs to which, and refuses what would need all of them
//! in one order.

mod error;
mod follow;
mod layout;
mod open;
mod partition;
mod placement;
mod positions;
mod progress;
mod router;
mod set;

pub use error::PartitionsError;
pub use follow::{Followed, RedisFollow};
pub use placement::Placement;
pub use positions::RedisPositions;
pub use progress::OfPartition;
pub use set::RedisPartitions;
