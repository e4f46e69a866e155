//! How far a subscriber has got, and what it could not handle.

mod arrival;
mod checkpoint;
mod dead_letter;
mod read_model;
mod snapshot;

pub use arrival::Arrival;
pub use checkpoint::{Checkpoint, CheckpointStore, Owner, Progress};
pub use dead_letter::{DeadLetter, DeadLetterStore, Release};
pub use read_model::ReadModel;
pub use snapshot::{Snapshot, SnapshotKey, SnapshotStore};
