#![doc = include_str!("../README.md")]

mod aggregate;
mod apply;
mod error;
mod given;
mod place;
mod repository;
mod root;
mod snapshot;

pub use aggregate::{Aggregate, Decide};
pub use apply::{Applier, Apply, apply};
pub use error::ExecuteError;
pub use given::{Given, When, given};
pub use repository::{Execute, Moment, Repository, Saved};
pub use root::Root;
pub use snapshot::SnapshotPolicy;
