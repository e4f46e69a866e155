//! Beside the log: how far subscribers have got, and rows that commit together with that.

mod checkpoints;
mod ledger;
mod read_model;
mod table;
mod tx;

#[cfg(test)]
mod tests;

pub use checkpoints::MemoryCheckpointStore;
pub use read_model::MemoryReadModel;
pub use table::Table;
pub use tx::MemoryTx;
