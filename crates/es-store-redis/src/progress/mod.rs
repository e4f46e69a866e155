//! How far subscribers have got, together with the rows that they write.

mod ledger;
mod letters;
mod model;
mod rows;
mod tx;

pub use model::RedisReadModel;
pub use tx::RedisTx;
