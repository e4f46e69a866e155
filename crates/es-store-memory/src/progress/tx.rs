//! A transaction: changes on top of the committed rows, kept apart until they commit.

use std::{
    any::Any,
    collections::{BTreeMap, HashMap},
    fmt::{self, Debug},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use es_core::Result;

use super::table::{Table, Tables, other_type};

/// A transaction on a [`MemoryReadModel`](crate::MemoryReadModel): an owned value that sees
/// its own writes. Dropping it rolls back.
///
/// It commits with [`ReadModel::commit`](es_core::ReadModel::commit). Until then nobody
/// else sees its writes, and it holds no lock. A row that it has not written is read as it
/// is committed at that moment (so two reads may differ), and of two transactions that
/// write the same row the later commit wins. One writer per subscriber, which the
/// checkpoint's fence ensures, meets neither; slices of one projection that write the same row do.
pub struct MemoryTx {
    tables: Arc<Mutex<Tables>>,
    changes: HashMap<&'static str, Box<dyn Changes>>,
}

impl MemoryTx {
    pub(super) fn on(tables: Arc<Mutex<Tables>>) -> Self {
        Self { tables, changes: HashMap::new() }
    }

    /// The row with this key.
    ///
    /// # Errors
    /// `Invalid` when the table is used with another row type.
    pub fn get<K, V>(&self, table: &Table<K, V>, key: &K) -> Result<Option<V>>
    where
        K: Ord + Send + 'static,
        V: Clone + Send + 'static,
    {
        if let Some(changes) = self.changes.get(table.name())
            && let Some(changed) = changes_of(&**changes, table)?.rows.get(key)
        {
            return Ok(changed.clone());
        }
        let tables = lock(&self.tables);
        let rows = tables.rows(table)?;
        Ok(rows.and_then(|rows| rows.get(key)).cloned())
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
        K: Ord + Send + 'static,
        V: Clone + Send + 'static,
    {
        let value = change(self.get(table, &key)?);
        self.change(table, key, value)
    }

    pub(super) fn is_on(&self, tables: &Arc<Mutex<Tables>>) -> bool {
        Arc::ptr_eq(&self.tables, tables)
    }

    /// Adds the changes to the committed rows, all of them or, if it fails, none.
    pub(super) fn merge_into(self, tables: &mut Tables) -> Result<()> {
        for changes in self.changes.values() {
            changes.fit(tables)?;
        }
        tables.torn = true;
        for changes in self.changes.into_values() {
            changes.merge(tables)?;
        }
        tables.torn = false;
        Ok(())
    }

    fn change<K, V>(&mut self, table: &Table<K, V>, key: K, value: Option<V>) -> Result<()>
    where
        K: Ord + Send + 'static,
        V: Send + 'static,
    {
        if !self.changes.contains_key(table.name()) {
            lock(&self.tables).rows(table)?;
        }
        let changes = self
            .changes
            .entry(table.name())
            .or_insert_with(|| Box::new(ChangesOf { table: *table, rows: BTreeMap::new() }));
        let row_type = changes.row_type();
        let changes: &mut dyn Any = &mut **changes;
        match changes.downcast_mut::<ChangesOf<K, V>>() {
            Some(changes) => changes.rows.insert(key, value),
            None => return Err(other_type(table, row_type)),
        };
        Ok(())
    }
}

impl Debug for MemoryTx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTx").field("changed", &self.changes.keys()).finish_non_exhaustive()
    }
}

pub(super) fn lock(tables: &Mutex<Tables>) -> MutexGuard<'_, Tables> {
    // If a commit was torn, the tables say so themselves; else they are as they were.
    tables.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The changes to one table, whatever its rows are.
trait Changes: Any + Send {
    fn row_type(&self) -> &'static str;

    /// Fails when the committed table has another row type.
    fn fit(&self, tables: &Tables) -> Result<()>;

    fn merge(self: Box<Self>, tables: &mut Tables) -> Result<()>;
}

struct ChangesOf<K, V> {
    table: Table<K, V>,
    /// `None` for a row that is taken away.
    rows: BTreeMap<K, Option<V>>,
}

impl<K: Ord + Send + 'static, V: Send + 'static> Changes for ChangesOf<K, V> {
    fn row_type(&self) -> &'static str {
        Table::<K, V>::row_type()
    }

    fn fit(&self, tables: &Tables) -> Result<()> {
        tables.rows(&self.table).map(drop)
    }

    fn merge(self: Box<Self>, tables: &mut Tables) -> Result<()> {
        let rows = tables.rows_mut(&self.table)?;
        for (key, value) in self.rows {
            match value {
                Some(value) => rows.insert(key, value),
                None => rows.remove(&key),
            };
        }
        Ok(())
    }
}

fn changes_of<'a, K, V>(
    changes: &'a dyn Changes,
    table: &Table<K, V>,
) -> Result<&'a ChangesOf<K, V>>
where
    K: 'static,
    V: 'static,
{
    let any: &dyn Any = changes;
    any.downcast_ref().ok_or_else(|| other_type(table, changes.row_type()))
}
