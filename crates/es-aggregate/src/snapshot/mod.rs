//! Snapshots: when one is taken, what it looks like, and what makes it unusable.

mod background;
mod codec;
mod fingerprint;
mod policy;

#[cfg(test)]
mod tests;

pub(crate) use codec::{Found, Snapshots};
pub use policy::SnapshotPolicy;
