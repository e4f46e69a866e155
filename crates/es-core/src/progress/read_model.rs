//! Read models that commit their rows together with the checkpoint.

use std::{
    error::Error as StdError,
    future::{Future, ready},
};

use super::{CheckpointStore, Progress};
use crate::{ErrorKind, Result};

/// A read model whose rows and checkpoint commit in one transaction (P1, P2).
///
/// The transaction is a value of its own, not a borrow: user code holds it across awaits,
/// and a lifetime on it would make every `apply` fail to compile.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> es_core::Result<()> {
/// use es_core::{CheckpointStore, LogId, Owner, Position, Progress, ReadModel, SubscriberName};
/// use es_store_memory::{MemoryReadModel, Table};
///
/// const BALANCES: Table<String, u64> = Table::new("balances");
///
/// let model = MemoryReadModel::new();
/// let name = SubscriberName::from_static("balances-v1");
/// let mine = model.claim(&name, LogId::generate(), &Owner::new("worker 1")).await?;
///
/// let mut tx = model.begin().await?;
/// tx.put(&BALANCES, "alice".to_owned(), 70)?;
/// model.commit(tx, &Progress::from(&mine, Position::new(3))).await?; // rows and checkpoint
/// assert_eq!(model.get(&BALANCES, &"alice".to_owned())?, Some(70));
///
/// // Whoever claims next fences the one before.
/// model.claim(&name, mine.log, &Owner::new("worker 2")).await?;
/// let late = model.commit(model.begin().await?, &Progress::from(&mine, Position::new(4))).await;
/// assert!(late.unwrap_err().fenced().is_some());
/// # Ok(())
/// # }
/// ```
pub trait ReadModel: CheckpointStore {
    /// The transaction that the user writes rows with. Dropping it rolls back.
    type Tx: Send + 'static;

    /// Begins a transaction.
    ///
    /// # Errors
    /// `Busy`, `Unavailable` or `Fault`.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    fn begin(&self) -> impl Future<Output = Result<Self::Tx>> + Send;

    /// Commits the rows together with the checkpoint, the parked and the released dead
    /// letters; all of it or nothing.
    ///
    /// # Errors
    /// Those of [`CheckpointStore::advance`], and `OutcomeUnknown` when the reply was lost;
    /// then the checkpoint tells.
    ///
    /// # Cancel safety
    /// The transaction is committed whole or rolled back whole; the checkpoint tells which.
    fn commit(&self, tx: Self::Tx, progress: &Progress) -> impl Future<Output = Result<()>> + Send;

    /// What was wrong with the database when a handler failed with `error` in this transaction;
    /// `None` when nothing is known of that, and the event may be to blame.
    ///
    /// - `Unavailable`: it takes no writes at present, from whatever event. It is tried again for
    ///   as long as that lasts.
    /// - `Busy`: this transaction had bad luck: another was in its way, or its connection was cut.
    ///   It is tried again as often as a temporary error is, and then the event is to blame
    ///   nevertheless.
    ///
    /// Another kind counts as `None`. `error` is what the handler answered, or says that it
    /// panicked; handlers wrap errors, so look at its causes, and at the transaction.
    ///
    /// By default nothing is known: right for a transaction that only the commit brings to the
    /// database.
    ///
    /// # Cancel safety
    /// The transaction is rolled back afterwards, whatever happens here.
    fn trouble(
        &self,
        tx: &mut Self::Tx,
        error: &(dyn StdError + Send + Sync + 'static),
    ) -> impl Future<Output = Option<ErrorKind>> + Send {
        let (_, _) = (tx, error);
        ready(None)
    }
}
