//! Layers for tests: one that spoils calls on purpose, one that remembers them.
//!
//! They wrap any store, so a test of what stands above a store (an aggregate, a projection,
//! a retry) needs no double of its own.

mod faults;
mod recording;

pub use faults::{AppendFault, Faults, HeadFault, Planned, ReadFault, WaitFault, When};
pub use recording::{Asked, Recording};
