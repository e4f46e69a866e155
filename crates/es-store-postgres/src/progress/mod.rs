//! How far subscribers have got, together with the rows that they write.

mod ahead;
mod ledger;
mod letters;
mod model;
mod tx;

pub use model::PostgresReadModel;
pub use tx::PgTx;

/// Text that PostgreSQL can keep: it has no zero byte.
pub(crate) fn text(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
