//! Stores that break one promise each, and the case that must notice.
//!
//! A mutant is the naive store behind a wrapper with one deliberate bug, most of them bugs
//! that real stores have had. A suite that lets one pass has a hole.

mod append;
pub(crate) mod bugs;
mod caught;
mod progress;
mod read;
mod read_model;
mod shared;
mod wait;
