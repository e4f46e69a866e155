//! A transaction: changes on top of the committed rows, kept apart until they commit.
//!
//! *Hazard.* Two transactions read a row, and each writes what it makes of it: the later commit
//! would take back what the earlier one did, and nobody would know.
//! *Mechanism.* Each row knows the commit that put it there. A transaction notes which it has
//! seen, and its commit looks, under the lock, whether those are still there. If not, it is
//! refused.
//! *Why it is sound.* What a commit finds unchanged is as if all had been read at the moment of
//! the commit. A row that is not there has no number, and needs none: not there is not there.
//! *Cost.* A note for each row that is read, and a look for each note.

use std::{
    any::Any,
    collections::{BTreeMap, HashMap},
    fmt::{self, Debug},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use es_core::{Error, ErrorKind, Result};

use super::table::{Row, Table, Tables, other_type};

/// A transaction on a [`MemoryReadModel`](crate::MemoryReadModel): an owned value that sees
/// its own writes. Dropping it rolls back.
///
/// It commits with [`ReadModel::commit`](es_core::ReadModel::commit). Until then nobody
/// else sees its writes, and it holds no lock. A row that it has not written is read as it
/// is committed at that moment, so two reads may differ; but if a row that it has read was
/// changed by the time it commits, the commit is refused as `Busy`, and nothing was written. It
/// is tried again then from its begin, which a runner does by itself: slices of a projection
/// that count in one row lose no count. Of two that put the same row without having read it, the
/// later one wins.
pub struct MemoryTx {
    tables: Arc<Mutex<Tables>>,
    /// Locked before the tables, never behind them.
    changes: Mutex<HashMap<&'static str, Box<dyn Changes>>>,
}

impl MemoryTx {
    pub(super) fn on(tables: Arc<Mutex<Tables>>) -> Self {
        Self { tables, changes: Mutex::default() }
    }

    /// The row with this key.
    ///
    /// # Errors
    /// `Invalid` when the table is used with another row type.
    pub fn get<K, V>(&self, table: &Table<K, V>, key: &K) -> Result<Option<V>>
    where
        K: Ord + Clone + Send + 'static,
        V: Clone + Send + 'static,
    {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let change = changes_of(&mut changes, &self.tables, table)?.rows.entry(key.clone());
        change.or_default().read(&self.tables, table, key)
    }

    /// Puts a row there, in place of one with the same key.
    ///
    /// # Errors
    /// `Invalid` when the table is used with another row type.
    pub fn put<K, V>(&mut self, table: &Table<K, V>, key: K, value: V) -> Result<()>
    where
        K: Ord + Send + 'static,
        V: Send + 'static,
    {
        self.change(table, key, Some(value))
    }

    /// Takes the row with this key away, if it is there.
    ///
    /// # Errors
    /// `Invalid` when the table is used with another row type.
    pub fn delete<K, V>(&mut self, table: &Table<K, V>, key: &K) -> Result<()>
    where
        K: Ord + Clone + Send + 'static,
        V: Send + 'static,
    {
        self.change(table, key.clone(), None)
    }

    /// Makes a new row of the one that is there, or of its absence. `None` takes it away.
    ///
    /// # Errors
    /// `Invalid` when the table is used with another row type.
    pub fn update<K, V>(
        &mut self,
        table: &Table<K, V>,
        key: K,
        change: impl FnOnce(Option<V>) -> Option<V>,
    ) -> Result<()>
    where
        K: Ord + Clone + Send + 'static,
        V: Clone + Send + 'static,
    {
        let changes = self.changes.get_mut().unwrap_or_else(PoisonError::into_inner);
        let rows = &mut changes_of(changes, &self.tables, table)?.rows;
        let row = match rows.get_mut(&key) {
            Some(row) => row,
            None => rows.entry(key.clone()).or_default(),
        };
        let value = row.read(&self.tables, table, &key)?;
        row.written = Some(change(value));
        Ok(())
    }

    pub(super) fn is_on(&self, tables: &Arc<Mutex<Tables>>) -> bool {
        Arc::ptr_eq(&self.tables, tables)
    }

    /// Adds the changes to the committed rows, all of them or, if it fails, none.
    pub(super) fn merge_into(self, tables: &mut Tables) -> Result<()> {
        let changes = self.changes.into_inner().unwrap_or_else(PoisonError::into_inner);
        for changes in changes.values() {
            changes.fit(tables)?;
        }
        let commit = tables.next_commit();
        tables.torn = true;
        for changes in changes.into_values() {
            changes.merge(tables, commit)?;
        }
        tables.torn = false;
        Ok(())
    }

    fn change<K, V>(&mut self, table: &Table<K, V>, key: K, value: Option<V>) -> Result<()>
    where
        K: Ord + Send + 'static,
        V: Send + 'static,
    {
        let changes = self.changes.get_mut().unwrap_or_else(PoisonError::into_inner);
        let rows = &mut changes_of(changes, &self.tables, table)?.rows;
        rows.entry(key).or_default().written = Some(value);
        Ok(())
    }
}

impl Debug for MemoryTx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("MemoryTx").field("tables", &changes.keys()).finish_non_exhaustive()
    }
}

pub(super) fn lock(tables: &Mutex<Tables>) -> MutexGuard<'_, Tables> {
    // If a commit was torn, the tables say so themselves; else they are as they were.
    tables.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was read and changed of one table, whatever its rows are.
trait Changes: Any + Send {
    fn row_type(&self) -> &'static str;

    /// Fails when the committed table has another row type, or rows that were read are not
    /// there any more as they were.
    fn fit(&self, tables: &Tables) -> Result<()>;

    fn merge(self: Box<Self>, tables: &mut Tables, commit: u64) -> Result<()>;
}

struct ChangesOf<K, V> {
    table: Table<K, V>,
    rows: BTreeMap<K, Change<V>>,
}

/// One row.
struct Change<V> {
    /// As it was read first, if it was: which commit had put it there, if one had.
    read: Option<Option<u64>>,
    /// As it is to be, if it was written: `None` if it is taken away.
    written: Option<Option<V>>,
}

impl<V> Default for Change<V> {
    fn default() -> Self {
        Self { read: None, written: None }
    }
}

impl<V: Clone + Send + 'static> Change<V> {
    /// The row as the transaction sees it.
    fn read<K: Ord + Send + 'static>(
        &mut self,
        tables: &Mutex<Tables>,
        table: &Table<K, V>,
        key: &K,
    ) -> Result<Option<V>> {
        if let Some(written) = &self.written {
            return Ok(written.clone());
        }
        let tables = lock(tables);
        let row = tables.rows(table)?.and_then(|rows| rows.get(key));
        self.read.get_or_insert_with(|| row.map(|row| row.commit));
        Ok(row.map(|row| row.value.clone()))
    }
}

impl<K: Ord + Send + 'static, V: Send + 'static> Changes for ChangesOf<K, V> {
    fn row_type(&self) -> &'static str {
        Table::<K, V>::row_type()
    }

    fn fit(&self, tables: &Tables) -> Result<()> {
        let rows = tables.rows(&self.table)?;
        let is_as_read = |(key, change): (&K, &Change<V>)| {
            let found = || rows.and_then(|rows| rows.get(key)).map(|row: &Row<V>| row.commit);
            change.read.is_none_or(|read| read == found())
        };
        if self.rows.iter().all(is_as_read) {
            return Ok(());
        }
        let name = self.table.name();
        let message = format!(
            "a row of table {name:?} has changed since this transaction read it: nothing was \
             written; begin it again"
        );
        Err(Error::new(ErrorKind::Busy, message))
    }

    fn merge(self: Box<Self>, tables: &mut Tables, commit: u64) -> Result<()> {
        let rows = tables.rows_mut(&self.table)?;
        for (key, change) in self.rows {
            match change.written {
                Some(Some(value)) => drop(rows.insert(key, Row { value, commit })),
                Some(None) => drop(rows.remove(&key)),
                None => {}
            }
        }
        Ok(())
    }
}

/// What was read and changed of `table`.
fn changes_of<'a, K, V>(
    changes: &'a mut HashMap<&'static str, Box<dyn Changes>>,
    tables: &Mutex<Tables>,
    table: &Table<K, V>,
) -> Result<&'a mut ChangesOf<K, V>>
where
    K: Ord + Send + 'static,
    V: Send + 'static,
{
    if !changes.contains_key(table.name()) {
        lock(tables).rows(table)?;
    }
    let changes = changes
        .entry(table.name())
        .or_insert_with(|| Box::new(ChangesOf { table: *table, rows: BTreeMap::new() }));
    let row_type = changes.row_type();
    let changes: &mut dyn Any = &mut **changes;
    changes.downcast_mut().ok_or_else(|| other_type(table, row_type))
}
