//! The contract of a log that several processes use at once, case by case: what is appended
//! through one handle holds through another.
//!
//! Each case is given two handles on one fresh, empty log. They must have been opened
//! independently, as two processes would: clones of one handle share what the promises must
//! not depend on. A store without [`Capabilities::shared`](es_core::Capabilities) declines.
//! The macro [`shared_contract_tests!`](crate::shared_contract_tests) makes a test of each.

pub mod checked_across;
pub mod racing;
pub mod seen_across;
