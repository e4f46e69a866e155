//! Stores that are as simple as the contract allows: an executable specification.
//!
//! One mutex, linear scans, no cleverness. When a case and a fast store disagree, read here
//! what was meant.

mod checkpoints;
mod log;
mod read_model;
mod snapshots;

pub(crate) use checkpoints::Checkpoints;
pub(crate) use log::Naive;
pub(crate) use read_model::{Model, Puts};
pub(crate) use snapshots::Snapshots;
