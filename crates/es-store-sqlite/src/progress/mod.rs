//! Beside the log: how far subscribers have got, and rows that commit together with that.

mod ledger;
mod letters;
mod model;
mod session;
mod tx;

pub use model::SqliteReadModel;
pub use tx::SqliteTx;
