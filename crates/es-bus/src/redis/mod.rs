//! Redis Streams: a topic that a relay publishes on, and consumers in two modes.

mod bell;
mod competing;
mod consumer;
mod group;
mod health;
mod keys;
mod letters;
mod message;
mod ordered;
mod page;
mod running;
mod script;
mod topic;

pub use consumer::{RedisConsumer, StartAt};
pub use group::{GroupMode, GroupStatus};
pub use health::GroupWatch;
pub use running::{ConsumerState, ConsumerStatus, RunningConsumer};
pub use topic::{RedisTopic, TopicOptions};

#[cfg(test)]
mod tests;
