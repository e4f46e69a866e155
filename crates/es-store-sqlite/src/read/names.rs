//! Names behind the numbers that rows hold. Rows of names never change, so what was read
//! once stays true.

use std::{collections::HashMap, sync::Arc};

use es_core::{
    Category, Error, EventType, Key, Read, Result, Selection, StreamId, Tenant, TenantScope,
};
use rusqlite::{Connection, Row};

use super::row::signed;
use crate::error::{damaged, from_driver};

/// How many names of streams are kept; then it begins anew, so that memory stays bounded.
const KEPT_STREAMS: usize = 20_000;

/// One tenant, category and type.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    pub(crate) category: Category,
    pub(crate) tenant: Option<Tenant>,
    pub(crate) event_type: EventType,
}

impl Family {
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

/// The names that one connection has met.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// By number, from 1, without holes.
    families: Arc<Vec<Family>>,
    streams: HashMap<i64, StreamId>,
}

impl Names {
    /// Forgets all, for the writer after a rollback: numbers are given again.
    pub(crate) fn clear(&mut self) {
        self.families = Arc::default();
        self.streams.clear();
    }

    /// All families with their numbers, as of now.
    pub(crate) fn families(
        &mut self,
        connection: &Connection,
    ) -> Result<impl Iterator<Item = (i64, &Family)>> {
        self.load_families(connection)?;
        Ok((1..).zip(self.families.iter()))
    }

    /// All families that were met so far.
    pub(crate) fn all(&self) -> Arc<Vec<Family>> {
        Arc::clone(&self.families)
    }

    /// Which of [all families](Self::all) has that number.
    pub(crate) fn index(&mut self, connection: &Connection, family: i64) -> Result<usize> {
        let index = usize::try_from(family).ok().and_then(|number| number.checked_sub(1));
        let index = index.ok_or_else(|| no_family(family))?;
        if index >= self.families.len() {
            self.load_families(connection)?;
        }
        if index < self.families.len() { Ok(index) } else { Err(no_family(family)) }
    }

    pub(crate) fn event_type(&mut self, connection: &Connection, family: i64) -> Result<EventType> {
        let index = self.index(connection, family)?;
        let known = self.families.get(index).map(|family| family.event_type.clone());
        known.ok_or_else(|| no_family(family))
    }

    pub(crate) fn stream(&mut self, connection: &Connection, number: i64) -> Result<StreamId> {
        if let Some(stream) = self.streams.get(&number) {
            return Ok(stream.clone());
        }
        let mut statement = connection
            .prepare_cached("SELECT category, key, tenant FROM es_streams WHERE id = ?1")
            .map_err(from_driver)?;
        let (category, key, tenant) = statement
            .query_row([number], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
            })
            .map_err(from_driver)?;
        let plain = StreamId::of(
            Category::new(category).map_err(damaged)?,
            Key::new(key).map_err(damaged)?,
        );
        let stream = match tenant_of(&tenant)? {
            Some(tenant) => plain.with_tenant(tenant),
            None => plain,
        };
        if self.streams.len() >= KEPT_STREAMS {
            self.streams.clear();
        }
        self.streams.insert(number, stream.clone());
        Ok(stream)
    }

    fn load_families(&mut self, connection: &Connection) -> Result<()> {
        let mut statement = connection
            .prepare_cached(
                "SELECT id, category, tenant, type FROM es_families WHERE id > ?1 ORDER BY id",
            )
            .map_err(from_driver)?;
        let mut rows =
            statement.query([signed(self.families.len() as u64)]).map_err(from_driver)?;
        while let Some(row) = rows.next().map_err(from_driver)? {
            Arc::make_mut(&mut self.families).push(family(row)?);
        }
        Ok(())
    }
}

fn no_family(number: i64) -> Error {
    damaged(format!("there is no family {number}"))
}

fn family(row: &Row<'_>) -> Result<Family> {
    let text = |at| row.get_ref(at)?.as_str().map_err(rusqlite::Error::from);
    Ok(Family {
        category: Category::new(text(1).map_err(from_driver)?).map_err(damaged)?,
        tenant: tenant_of(text(2).map_err(from_driver)?)?,
        event_type: EventType::new(text(3).map_err(from_driver)?).map_err(damaged)?,
    })
}

/// The empty text stands for no tenant.
fn tenant_of(text: &str) -> Result<Option<Tenant>> {
    if text.is_empty() { Ok(None) } else { Tenant::new(text).map(Some).map_err(damaged) }
}
