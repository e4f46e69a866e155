//! The port that stores implement and the handle that callers hold.

mod append_in;
mod capability;
mod durability;
mod fold;
mod follow;
mod handle;
mod parts;
mod port;
mod proof;
mod stream;

#[cfg(test)]
mod tests;

pub use append_in::AppendIn;
pub use capability::Capabilities;
pub use durability::Durability;
pub use fold::FoldPages;
pub use follow::{Follow, FollowStream};
pub use handle::Store;
pub use port::{Backend, EventStore, FoldStream, Layer, PageStream};
pub use stream::EventStream;
