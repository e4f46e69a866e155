//! Streams: how one is named, how its events are counted, and what a writer expects of it.

mod expected;
mod id;
mod key;
mod version;

#[cfg(test)]
mod tests;

pub use expected::ExpectedVersion;
pub use id::StreamId;
pub use key::Key;
pub use version::Version;
