//! Stores that are as simple as the contract allows: an executable specification.
//!
//! One mutex, linear scans, no cleverness. When a case and a fast store disagree, read here
//! what was meant.

mod checkpoints;
mod log;
mod snapshots;

pub(crate) use checkpoints::Checkpoints;
pub(crate) use log::Naive;
pub(crate) use snapshots::Snapshots;
