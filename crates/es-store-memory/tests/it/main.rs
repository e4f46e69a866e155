//! The store from outside: the contract, the store under load, and its core under a model
//! checker.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, wherever it stands")]

mod concurrency;
mod contract;
mod machine;
mod model;
