//! How the cases reach the rows of a model of which they know nothing.

use std::future::Future;

use es_core::{DeadLetterStore, ReadModel};

/// A read model, and how to put rows into it and see them: what the cases are run on.
///
/// A row is a number under a name. The model is fresh for each test; where its rows need a
/// table, the factory makes it. Panics in here fail the case, so unwrapping is fine.
///
/// ```
/// use es_store_memory::{MemoryReadModel, MemoryTx, Table};
/// use es_testkit::read_model::Rows;
///
/// const NUMBERS: Table<String, i64> = Table::new("numbers");
///
/// struct Numbers(MemoryReadModel);
///
/// impl Rows for Numbers {
///     type Model = MemoryReadModel;
///
///     fn model(&self) -> &MemoryReadModel {
///         &self.0
///     }
///
///     async fn put(&self, tx: &mut MemoryTx, key: &str, value: i64) {
///         tx.put(&NUMBERS, key.to_owned(), value).unwrap();
///     }
///
///     async fn get(&self, key: &str) -> Option<i64> {
///         self.0.get(&NUMBERS, &key.to_owned()).unwrap()
///     }
/// }
/// ```
pub trait Rows: Send + Sync + 'static {
    /// The model. It keeps dead letters as well, because they commit with its rows.
    type Model: ReadModel + DeadLetterStore;

    /// The model.
    fn model(&self) -> &Self::Model;

    /// Puts the row `key` there, in place of one that is there, within the transaction.
    ///
    /// # Cancel safety
    /// The cases drive it to its end.
    fn put(
        &self,
        tx: &mut <Self::Model as ReadModel>::Tx,
        key: &str,
        value: i64,
    ) -> impl Future<Output = ()> + Send;

    /// The committed row `key`, seen from outside of any transaction.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    fn get(&self, key: &str) -> impl Future<Output = Option<i64>> + Send;
}
