//! One page of a read: so many candidates, those of them that the read covers, and where
//! to go on.

use es_core::{Direction, Read, Recorded, Result};
use rusqlite::{Connection, Row, ToSql, params_from_iter, types::Value};

use super::{
    names::Names,
    plan::{Plan, Source, head, order},
    row::{columns, recorded, signed},
};
use crate::error::from_driver;

/// Candidates of the first page: most reads are of one short stream.
const FIRST_PAGE: i64 = 256;
/// Candidates of each later page.
const PAGE: i64 = 1_024;
/// A page ends behind the event that takes its payloads beyond this.
const PAGE_BYTES: usize = 1 << 20;

/// A read and how far it has got.
#[derive(Debug)]
pub(crate) struct Cursor {
    read: Read,
    plan: Option<Plan>,
    left: u64,
    /// Bounds of the versions, for the read of one stream.
    low_version: i64,
    high_version: i64,
}

impl Cursor {
    pub(crate) fn new(read: Read) -> Self {
        Self {
            left: read.limit.unwrap_or(u64::MAX),
            low_version: read.from_version.map_or(1, |version| signed(version.get())),
            high_version: read.to_version.map_or(i64::MAX, |version| signed(version.get())),
            read,
            plan: None,
        }
    }

    /// The next page, and whether there may be more.
    pub(crate) fn page(
        &mut self,
        connection: &Connection,
        names: &mut Names,
    ) -> Result<(Vec<Recorded>, bool)> {
        if self.left == 0 {
            return Ok((Vec::new(), false));
        }
        let (plan, wanted) = match self.plan.take() {
            Some(plan) => (plan, PAGE),
            // What is there now is what the read covers: the rows do not change, so later
            // pages need no snapshot.
            None => {
                let head = head(connection)?.get();
                (Plan::new(connection, names, &self.read, head)?, FIRST_PAGE)
            }
        };
        let wanted = if plan.exact { wanted.min(signed(self.left)) } else { wanted };
        let (sql, values) = self.query(&plan, wanted);
        self.plan = Some(plan);
        let Some(sql) = sql else {
            return Ok((Vec::new(), false));
        };
        self.collect(connection, names, &sql, &values, wanted)
    }

    fn collect(
        &mut self,
        connection: &Connection,
        names: &mut Names,
        sql: &str,
        values: &[Value],
        wanted: i64,
    ) -> Result<(Vec<Recorded>, bool)> {
        let mut statement = connection.prepare_cached(sql).map_err(from_driver)?;
        let mut rows = statement
            .query(params_from_iter(values.iter().map(|value| value as &dyn ToSql)))
            .map_err(from_driver)?;
        let (mut page, mut bytes, mut seen) = (Vec::new(), 0, 0);
        while let Some(row) = rows.next().map_err(from_driver)? {
            seen += 1;
            self.pass(row).map_err(from_driver)?;
            if !self.may_cover(row).map_err(from_driver)? {
                continue;
            }
            let event = recorded(row, names, connection)?;
            let exact = self.plan.as_ref().is_some_and(|plan| plan.exact);
            if !exact && !self.read.covers(&event) {
                continue;
            }
            bytes += event.payload.bytes().len();
            page.push(event);
            self.left -= 1;
            if self.left == 0 {
                return Ok((page, false));
            }
            if bytes > PAGE_BYTES {
                return Ok((page, true));
            }
        }
        Ok((page, seen == wanted))
    }

    /// Moves the bounds behind the candidate in `row`.
    fn pass(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let (position, version): (i64, i64) = (row.get(0)?, row.get(2)?);
        let Some(plan) = &mut self.plan else { return Ok(()) };
        match self.read.direction {
            Direction::Forward => {
                plan.low = position + 1;
                self.low_version = version + 1;
            }
            Direction::Backward => {
                plan.high = position - 1;
                self.high_version = version - 1;
            }
        }
        Ok(())
    }

    /// Passes over events of other families before anything is made of them.
    fn may_cover(&self, row: &Row<'_>) -> rusqlite::Result<bool> {
        match self.plan.as_ref().map(|plan| &plan.source) {
            Some(Source::Log(Some(families))) => Ok(families.binary_search(&row.get(3)?).is_ok()),
            _ => Ok(true),
        }
    }

    fn query(&self, plan: &Plan, wanted: i64) -> (Option<String>, Vec<Value>) {
        let order = order(self.read.direction);
        let mut values: Vec<Value> = vec![plan.low.into(), plan.high.into(), wanted.into()];
        let sql = match &plan.source {
            Source::Nothing => return (None, values),
            Source::Event(id) => {
                values.push(id.as_uuid().as_bytes().to_vec().into());
                format!(
                    concat!(
                        "SELECT ",
                        columns!(),
                        " FROM es_events WHERE id = ?4 \
                         AND +position BETWEEN ?1 AND ?2 ORDER BY position {} LIMIT ?3"
                    ),
                    order
                )
            }
            Source::Stream(stream) => {
                let versions = [*stream, self.low_version, self.high_version];
                values.extend(versions.map(Value::from));
                // The plus keeps the range of positions from being taken for the index.
                format!(
                    concat!(
                        "SELECT ",
                        columns!(),
                        " FROM es_events INDEXED BY es_events_version \
                         WHERE stream = ?4 AND version BETWEEN ?5 AND ?6 \
                         AND +position BETWEEN ?1 AND ?2 ORDER BY version {} LIMIT ?3"
                    ),
                    order
                )
            }
            Source::Log(_) => format!(
                concat!(
                    "SELECT ",
                    columns!(),
                    " FROM es_events WHERE position BETWEEN ?1 AND ?2 \
                     ORDER BY position {} LIMIT ?3"
                ),
                order
            ),
            Source::Lists { families, tags } => {
                values.extend(families.iter().map(|&family| Value::from(family)));
                values.extend(tags.iter().map(|tag| Value::from(tag.clone())));
                merged(families.len(), tags.len(), order)
            }
        };
        (Some(sql), values)
    }
}

/// The positions of several lists in order, each once, and their events. The inner limit
/// bounds the work of a page whatever the lists hold.
fn merged(families: usize, tags: usize, order: &str) -> String {
    let mut number = 3;
    let mut list = |table: &str| {
        number += 1;
        format!("SELECT position FROM {table} = ?{number} AND position BETWEEN ?1 AND ?2")
    };
    let of_families = (0..families).map(|_| "es_events INDEXED BY es_events_family WHERE family");
    let of_tags = (0..tags).map(|_| "es_tags WHERE tag");
    let lists: Vec<String> = of_families.chain(of_tags).map(&mut list).collect();
    // Two families have no event in common.
    let lists = lists.join(if tags == 0 { " UNION ALL " } else { " UNION " });
    format!(
        concat!(
            "WITH found AS MATERIALIZED ({} ORDER BY 1 {} LIMIT ?3) SELECT ",
            columns!(),
            " FROM found CROSS JOIN es_events USING (position) ORDER BY position {}"
        ),
        lists, order, order
    )
}

#[cfg(test)]
mod tests;
