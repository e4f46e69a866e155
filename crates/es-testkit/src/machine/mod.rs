//! A state machine that compares a store with a model over random histories.
//!
//! A history is a list of operations: appends to one stream or several with all
//! expectations, demands and conditions, and some of hundreds of events; repetitions of
//! earlier appends, exact and spoilt; appends that are dropped; reads of every selection,
//! bound and order; followers; several appends at once. Each is done on the store and on the model, a list in memory, and every answer is compared:
//! receipts, the details of conflicts, failed conditions and clashes, events in full and
//! their order. What a store says that it cannot do is asked for seldom, and must be
//! refused.
//!
//! The first history that goes wrong is shrunk to the shortest one that still does, and
//! printed as a list of what was done, what was expected and what came.
//!
//! ```
//! use es_core::Store;
//! use es_store_memory::MemoryStore;
//! use es_testkit::machine::{self, Histories};
//!
//! let tally = machine::check(|| async { Store::new(MemoryStore::new()) }, &Histories::new(50));
//! let tally = tally.expect("the store does what the model does");
//! assert_eq!(tally.histories, 50);
//! ```
//!
//! It finds what is wrong in the answers to one caller, and races that show when callers
//! take turns on one thread. It does not look for what the cases of the contract are for:
//! load on several threads, memory that grows with a read, dropped futures, limits.

mod compare;
mod draft;
mod draw;
mod failure;
mod histories;
mod model;
mod names;
mod operation;
mod play;
mod resolve;
mod run;
mod tally;
mod transcript;

pub use failure::Failure;
pub use histories::Histories;
pub use run::{Subject, check, test};
pub use tally::Tally;
