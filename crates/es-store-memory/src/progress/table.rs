//! Typed tables, kept by name.

use std::{
    any::{Any, type_name},
    collections::{BTreeMap, HashMap},
    fmt::{self, Debug},
    marker::PhantomData,
};

use es_core::{Error, ErrorKind, Result};

/// The name and the row type of a table in a [`MemoryReadModel`](crate::MemoryReadModel).
///
/// It is a name, not the rows: make it a constant. A table is there once a row was put
/// into it.
///
/// ```
/// use es_store_memory::Table;
///
/// const BALANCES: Table<String, i64> = Table::new("balances");
/// # assert_eq!(BALANCES.name(), "balances");
/// ```
pub struct Table<K, V> {
    name: &'static str,
    row: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Table<K, V> {
    /// Names a table of rows `V` by key `K`.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, row: PhantomData }
    }

    /// The name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What its rows are, in words.
    pub(super) fn row_type() -> &'static str {
        type_name::<(K, V)>()
    }
}

impl<K, V> Clone for Table<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Table<K, V> {}

impl<K, V> Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({:?}, {})", self.name, Self::row_type())
    }
}

/// Committed rows.
#[derive(Default)]
pub(super) struct Tables {
    tables: HashMap<&'static str, Rows>,
    /// How many transactions have changed rows.
    commits: u64,
    /// Set while rows are being committed. Keys compare themselves with foreign code; if
    /// that panics, it stays set, and nobody reads a half of a commit.
    pub(super) torn: bool,
}

struct Rows {
    row_type: &'static str,
    /// A `BTreeMap<K, Row<V>>`.
    rows: Box<dyn Any + Send>,
}

/// A committed row.
pub(super) struct Row<V> {
    pub(super) value: V,
    /// Which commit has put it there: tells it from another one with the same key.
    pub(super) commit: u64,
}

impl Tables {
    /// The number of the commit that begins now.
    pub(super) const fn next_commit(&mut self) -> u64 {
        self.commits += 1;
        self.commits
    }

    /// The rows of a table; `None` when nothing was ever put there.
    ///
    /// # Errors
    /// `Invalid` when the table has rows of another type; `Fault` when a commit was torn.
    pub(super) fn rows<K: 'static, V: 'static>(
        &self,
        table: &Table<K, V>,
    ) -> Result<Option<&BTreeMap<K, Row<V>>>> {
        if self.torn {
            return Err(Error::new(
                ErrorKind::Fault,
                "a panic in the middle of a commit has torn the read model",
            ));
        }
        match self.tables.get(table.name) {
            None => Ok(None),
            Some(kept) => match kept.rows.downcast_ref() {
                Some(rows) => Ok(Some(rows)),
                None => Err(other_type(table, kept.row_type)),
            },
        }
    }

    /// The same to write to; made if need be.
    ///
    /// # Errors
    /// `Invalid` when the table has rows of another type.
    pub(super) fn rows_mut<K: Send + 'static, V: Send + 'static>(
        &mut self,
        table: &Table<K, V>,
    ) -> Result<&mut BTreeMap<K, Row<V>>> {
        let kept = self.tables.entry(table.name).or_insert_with(|| Rows {
            row_type: Table::<K, V>::row_type(),
            rows: Box::new(BTreeMap::<K, Row<V>>::new()),
        });
        let row_type = kept.row_type;
        kept.rows.downcast_mut().ok_or_else(|| other_type(table, row_type))
    }
}

/// A table that is used with two row types.
pub(super) fn other_type<K, V>(table: &Table<K, V>, found: &str) -> Error {
    Error::new(
        ErrorKind::Invalid,
        format!(
            "table {:?} has rows {found}, not {}: give one of them another name",
            table.name,
            Table::<K, V>::row_type(),
        ),
    )
}
