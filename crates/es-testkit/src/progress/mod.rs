//! The contracts of the ports beside the log, case by case: snapshots, checkpoints, dead
//! letters.
//!
//! Each case is given a fresh, empty store of its kind. The macros
//! [`snapshot_contract_tests!`](crate::snapshot_contract_tests),
//! [`checkpoint_contract_tests!`](crate::checkpoint_contract_tests) and
//! [`dead_letter_contract_tests!`](crate::dead_letter_contract_tests) make a test of each.

pub mod checkpoints;
pub mod dead_letters;
pub mod snapshots;
