//! Appending: what a caller asks for, what a store receives, what comes back.

mod builder;
mod query;
mod receipt;
mod request;

#[cfg(test)]
mod tests;

pub use builder::Append;
pub use query::{Query, QueryItem};
pub use receipt::Receipt;
pub use request::{AppendRequest, StreamAppend, StreamExpectation, Unless};
