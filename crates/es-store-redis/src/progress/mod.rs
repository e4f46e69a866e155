//! How far subscribers have got, together with the rows that they write.

mod error;
mod ledger;
mod letters;
mod model;
mod rows;
mod tx;

pub(crate) use error::{damaged, of_read};
pub use model::RedisReadModel;
pub use tx::RedisTx;
