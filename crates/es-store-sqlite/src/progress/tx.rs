//! A transaction that is a value: the connection itself, for as long as it lasts.

use std::{
    fmt::{self, Debug},
    ops::Deref,
};

use rusqlite::Connection;

use super::session::Turn;

/// A transaction on a [`SqliteReadModel`](crate::SqliteReadModel): an owned value that
/// derefs to [`rusqlite::Connection`]. Dropping it rolls back.
///
/// It commits with [`ReadModel::commit`](es_core::ReadModel::commit) and in no other way. A
/// `COMMIT` by hand is refused by SQLite, which rolls everything back; after that, and after a
/// `ROLLBACK` by hand, `commit` answers `Invalid`, and whatever is still written through it is
/// refused. `SAVEPOINT`, `ROLLBACK TO` and `RELEASE` of one's own are fine. Temporary tables
/// and what does not fit into a sort are kept in memory (`temp_store=MEMORY`).
///
/// It holds the write lock of the database from its beginning. In the file of a log, appends
/// wait until it ends: do not wait for anything else while you have one.
///
/// ```
/// # use es_core::ReadModel;
/// # use es_store_sqlite::{SqliteReadModel, SqliteTx, rusqlite};
/// fn credit(tx: &mut SqliteTx, account: &str, amount: i64) -> rusqlite::Result<()> {
///     tx.prepare_cached(
///         "INSERT INTO balances (account, amount) VALUES (?1, ?2)
///          ON CONFLICT (account) DO UPDATE SET amount = amount + excluded.amount",
///     )?
///     .execute((account, amount))?;
///     Ok(())
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let model = SqliteReadModel::in_memory().await?;
/// # model.write(|db| db.execute_batch("CREATE TABLE balances (account PRIMARY KEY, amount)")).await?;
/// # credit(&mut model.begin().await?, "alice", 5)?;
/// # Ok(())
/// # }
/// ```
pub struct SqliteTx(pub(super) Turn);

impl Deref for SqliteTx {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0.connection()
    }
}

impl Debug for SqliteTx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteTx").finish_non_exhaustive()
    }
}
