//! Appending within a transaction that is somebody else's.

use std::future::Future;

use crate::{AppendRequest, EventStore, Receipt, Result};

/// A log that takes an append within a transaction of a read model, so that events and rows
/// commit together or not at all. `Tx` is [`ReadModel::Tx`](crate::ReadModel::Tx) of a read
/// model in the same database.
///
/// From the append until the transaction ends nobody else's append commits, and nobody sees
/// the events. What is committed by then is everything before the first of them.
pub trait AppendIn<Tx>: EventStore {
    /// Appends `request` in `tx`. The receipt holds once the transaction commits.
    ///
    /// # Errors
    /// Those of [`EventStore::append`]; `Invalid` when the transaction is on another database;
    /// `Busy` when it began too early to see the whole log. After a refusal (a conflict, a
    /// condition, a clash) nothing of the request was written, and the transaction can go on.
    ///
    /// # Cancel safety
    /// Whatever was written is part of the transaction: roll it back.
    fn append_in_tx(
        &self,
        tx: &mut Tx,
        request: &AppendRequest,
    ) -> impl Future<Output = Result<Receipt>> + Send;

    /// Has everybody else's appends wait until `tx` ends, as an append in it does: what is
    /// committed by then stays the end of the log.
    ///
    /// # Errors
    /// `Invalid` when the transaction is over; `Busy` when another transaction is in the way;
    /// `Unavailable` when the store cannot be reached.
    ///
    /// # Cancel safety
    /// They wait for as long as the transaction lasts: roll it back.
    fn lock_in_tx(&self, tx: &mut Tx) -> impl Future<Output = Result<()>> + Send;
}
