//! The contract of a read model, case by case: rows and checkpoint in one commit.
//!
//! Each case is given [`Rows`] on a fresh, empty model, and looks at committed rows,
//! checkpoint and letters. The macro
//! [`read_model_contract_tests!`](crate::read_model_contract_tests) makes a test of each.
//!
//! What holds without a transaction is proved by the cases of
//! [`checkpoints`](crate::progress::checkpoints) and
//! [`dead_letters`](crate::progress::dead_letters), which a read model has to keep as well.

pub mod cancel_safe;
pub mod p1_together;
pub mod p2_fenced;
pub mod p3_parked;
pub mod p7_same_log;

mod look;
mod rows;

pub use rows::Rows;
