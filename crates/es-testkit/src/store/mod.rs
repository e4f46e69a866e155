//! The contract of [`EventStore`](es_core::EventStore), case by case: a module per promise,
//! a function per case.
//!
//! Each case is given the handle of a fresh, empty store, and panics where the store breaks
//! the promise that the case's documentation states. [`contract_tests!`](crate::contract_tests)
//! makes a test of each; called by hand, a case must run on a tokio runtime, on one with
//! several threads best.
//!
//! L5 (lost replies) and the crashes of L7 cannot be brought about on a store of which
//! nothing is known: each backend proves them itself.

pub mod bad_input;
pub mod capabilities;
pub mod l10_bounded;
pub mod l1_atomic;
pub mod l2_no_skip;
pub mod l2_ordered;
pub mod l3_checked;
pub mod l3_unless;
pub mod l4_clash;
pub mod l4_idempotent;
pub mod l6_cancel_safe;
pub mod l7_durable;
pub mod l8_bounds;
pub mod l8_faithful;
pub mod l8_fold;
pub mod l8_pages;
pub mod l8_select;
pub mod l9_follow;
pub mod l9_wait;
pub mod tenants;
