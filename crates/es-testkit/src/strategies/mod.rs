//! Random values of everything that goes into a log, for property tests with `proptest`.
//!
//! Every value is valid: an append or a read made of them is taken. Among them are those
//! that stores stumble over: names of one character and of the greatest length, letters of
//! many scripts, texts that differ in case or in Unicode form only, wildcards and quotes,
//! numbers that a JSON parser rounds, control characters where they are allowed.
//!
//! Most values come from a small stock, so that two that are drawn apart from each other are
//! often the same: a read that never meets anything tests nothing. They shrink towards the
//! plainest value of the stock. They are boxed, because the trees that values shrink by are
//! large, and the stack of a test is small.
//!
//! ```
//! use es_core::{Append, ExpectedVersion};
//! use es_testkit::strategies;
//! use proptest::{prop_assert, test_runner::TestRunner};
//!
//! let anything = (strategies::stream_id(), strategies::new_event());
//! let outcome = TestRunner::default().run(&anything, |(stream, event)| {
//!     prop_assert!(Append::to(stream, ExpectedVersion::Any).event(event).build().is_ok());
//!     Ok(())
//! });
//! assert!(outcome.is_ok());
//! ```

mod events;
mod histories;
mod metadata;
mod names;
mod payloads;
mod reads;
mod tags;
mod text;

#[cfg(test)]
mod tests;

pub use events::{event_id, new_event, schema, timestamp};
pub use histories::history;
pub use metadata::metadata;
pub use names::{category, event_type, key, stream_id, subscriber_name, tenant};
pub use payloads::{bytes_payload, json_payload, large_payload, payload};
pub use reads::{expected_version, query, read, tenant_scope};
pub use tags::{tag, tags};
