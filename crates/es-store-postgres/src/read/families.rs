//! Tenant, category and event type behind the numbers that rows hold. What a number means
//! never changes, because it is a hash, so what was read once stays true.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use es_core::{Category, EventType, QueryItem, Read, Result, Selection, Tenant, TenantScope};
use tokio_postgres::Row;

use crate::error::damaged;

/// One tenant, category and type.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) tenant: Option<Tenant>,
    pub(crate) category: Category,
    pub(crate) event_type: EventType,
}

impl Family {
    /// Reads the columns tenant, category, type from column `at` on.
    pub(crate) fn of(row: &Row, at: usize) -> Result<Self> {
        let text = |at| row.try_get::<_, &str>(at).map_err(damaged);
        Ok(Self {
            tenant: match text(at)? {
                "" => None,
                tenant => Some(Tenant::new(tenant).map_err(damaged)?),
            },
            category: Category::new(text(at + 1)?).map_err(damaged)?,
            event_type: EventType::new(text(at + 2)?).map_err(damaged)?,
        })
    }

    /// Whether a read covers some of its events, whatever their types and tags.
    pub(crate) fn is_selected(&self, read: &Read) -> bool {
        let category = match &read.selection {
            Selection::Category(category) => self.category == *category,
            _ => true,
        };
        category
            && match &read.tenants {
                TenantScope::All => true,
                TenantScope::Untenanted => self.tenant.is_none(),
                TenantScope::One(tenant) => self.tenant.as_ref() == Some(tenant),
            }
    }
}

/// A family whose names no release of this crate writes: whoever may append by SQL may write such.
/// Reads that do not cover it go on without it, and others fail where they meet its events.
#[derive(Clone, Debug)]
struct Odd {
    tenant: String,
    category: String,
    event_type: String,
}

impl Odd {
    fn of(row: &Row, at: usize) -> Result<Self> {
        let text = |at| row.try_get::<_, String>(at).map_err(damaged);
        Ok(Self { tenant: text(at)?, category: text(at + 1)?, event_type: text(at + 2)? })
    }

    fn is_selected(&self, read: &Read) -> bool {
        let category = match &read.selection {
            Selection::Category(category) => self.category == category.as_str(),
            _ => true,
        };
        let tenant = match &read.tenants {
            TenantScope::All => true,
            TenantScope::Untenanted => self.tenant.is_empty(),
            TenantScope::One(tenant) => self.tenant == tenant.as_str(),
        };
        let is_of = |item: &QueryItem| {
            item.types.is_empty() || item.types.iter().any(|t| t.as_str() == self.event_type)
        };
        category && tenant && read.query.items().iter().any(is_of)
    }
}

/// The families that a store has met.
#[derive(Debug, Default)]
pub(crate) struct Families {
    known: RwLock<Arc<HashMap<i64, Arc<Family>>>>,
    odd: Mutex<HashMap<i64, Odd>>,
}

impl Families {
    /// All that is known now.
    pub(crate) fn known(&self) -> Arc<HashMap<i64, Arc<Family>>> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a read covers events of a family that is not among the known ones.
    pub(crate) fn is_odd_one_selected(&self, id: i64, read: &Read) -> Result<bool> {
        let odd = self.odd.lock().unwrap_or_else(PoisonError::into_inner);
        let odd = odd.get(&id).ok_or_else(|| damaged(format!("there is no family {id}")))?;
        Ok(odd.is_selected(read))
    }

    /// Learns the families in `rows`, whose columns are id, tenant, category and type.
    pub(crate) fn learn(&self, rows: &[Row]) -> Result<()> {
        let mut fresh = Vec::new();
        let known = self.known();
        for row in rows {
            let id: i64 = row.try_get(0).map_err(damaged)?;
            if !known.contains_key(&id) {
                match Family::of(row, 1) {
                    Ok(family) => fresh.push((id, Arc::new(family))),
                    Err(_) => {
                        let odd = Odd::of(row, 1)?;
                        self.odd.lock().unwrap_or_else(PoisonError::into_inner).insert(id, odd);
                    }
                }
            }
        }
        if !fresh.is_empty() {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            Arc::make_mut(&mut known).extend(fresh);
        }
        Ok(())
    }
}
