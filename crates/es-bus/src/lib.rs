#![doc = include_str!("../README.md")]

mod attempts;
mod handler;
mod interest;
mod letter;
mod local;
#[cfg(feature = "redis")]
mod redis;
mod relay;
mod retry;
mod subscription;
mod watch;

pub use es_core::is_out_of_reach;
pub use handler::EventHandler;
pub use interest::Interest;
pub use letter::{KeptLetter, Replayed};
pub use local::{
    BusStatistics, Delivered, Delivery, LocalBus, LocalOptions, Registration, RegistrationGuard,
    SubscriptionStatistics, WhenFull,
};
pub use relay::{
    PortTransport, Publisher, Refused, Relay, RelayState, RelayStatus, RunningRelay, Transport,
};
pub use retry::{Exhausted, Retry};
pub use subscription::{Subscribe, Subscription};

#[cfg(feature = "redis")]
pub use redis::{
    ConsumerState, ConsumerStatus, GroupMode, GroupStatus, GroupWatch, RedisConsumer, RedisTopic,
    RunningConsumer, StartAt, TopicOptions,
};
