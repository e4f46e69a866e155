//! Tenant, category and event type behind the numbers that rows hold. What a number means
//! never changes, because it is a hash, so what was read once stays true.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use es_core::{Category, EventType, Read, Result, Selection, Tenant, TenantScope};
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

/// The families that a store has met.
#[derive(Debug, Default)]
pub(crate) struct Families {
    known: RwLock<Arc<HashMap<i64, Arc<Family>>>>,
}

impl Families {
    /// All that is known now.
    pub(crate) fn known(&self) -> Arc<HashMap<i64, Arc<Family>>> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Learns the families in `rows`, whose columns are id, tenant, category and type.
    pub(crate) fn learn(&self, rows: &[Row]) -> Result<()> {
        let mut fresh = Vec::new();
        let known = self.known();
        for row in rows {
            let id: i64 = row.try_get(0).map_err(damaged)?;
            if !known.contains_key(&id) {
                fresh.push((id, Arc::new(Family::of(row, 1)?)));
            }
        }
        if !fresh.is_empty() {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            Arc::make_mut(&mut known).extend(fresh);
        }
        Ok(())
    }
}
