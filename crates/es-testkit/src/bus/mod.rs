//! The contract of a bus, case by case: from the log to handlers, B1 to B4.
//!
//! Each case is given a [`BusUnderTest`] on a fresh, empty log. The macro
//! [`bus_contract_tests!`](crate::bus_contract_tests) makes a test of each.

pub mod b1_relay;
pub mod b2_order;
pub mod b3_failures;
pub mod b4_recovery;

mod journal;
mod subject;

pub use subject::{BusPromises, BusUnderTest, ConsumerPlan, Knows, Noted, NotedOrMarked, Plan};
