//! One page of a read after the other.

use std::{
    ops::Deref,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use deadpool_postgres::Object;
use es_core::{Direction, Read, Recorded, Result, Selection};
use futures_util::TryStreamExt;
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{
    families::Families,
    plan::{Fails, Plan, Source, Sql, order},
    row::{COLUMNS, places, recorded},
};
use crate::{
    append::signed,
    connect::Connections,
    error::{damaged, from_driver, is_lost},
};

/// Candidates of the first page: enough for most streams.
const FIRST_PAGE: i64 = 256;
/// Candidates of a later page at most.
const PAGE: i64 = 2_048;
/// Bytes of payload behind which a page ends.
const PAGE_BYTES: usize = 2 << 20;
/// Connections behind which one is kept for short reads.
const FOR_A_LANE: usize = 4;
/// How often a page is asked for again when its connection breaks.
const TRIES: u32 = 4;

/// What all reads of a store share.
pub(crate) struct Reader {
    pub(crate) connections: Connections,
    pub(crate) families: Families,
    pub(crate) sql: Sql,
    /// One connection for all short reads, whose queries follow each other without waiting
    /// for the replies.
    pub(crate) lane: Mutex<Option<Arc<Object>>>,
}

/// A connection for one page.
enum Lent {
    Own(Box<Object>),
    Shared(Arc<Object>),
}

impl Deref for Lent {
    type Target = Object;

    fn deref(&self) -> &Object {
        match self {
            Self::Own(client) => client,
            Self::Shared(client) => client,
        }
    }
}

/// Where a read has got to.
#[derive(Debug)]
pub(crate) struct Cursor {
    read: Read,
    plan: Option<Plan>,
    left: u64,
    low_version: i64,
    high_version: i64,
    wanted: i64,
}

impl Cursor {
    pub(crate) fn new(read: Read) -> Self {
        Self {
            left: read.limit.unwrap_or(u64::MAX),
            low_version: read.from_version.map_or(1, |version| signed(version.get())),
            high_version: read.to_version.map_or(i64::MAX, |version| signed(version.get())),
            read,
            plan: None,
            wanted: FIRST_PAGE,
        }
    }
}

impl Reader {
    /// The next page, and where to go on if there may be more.
    pub(crate) async fn page(&self, mut cursor: Cursor) -> Result<(Vec<Recorded>, Option<Cursor>)> {
        let mut tries = 0;
        loop {
            if cursor.left == 0 {
                return Ok((Vec::new(), None));
            }
            let client = self.lend(&cursor).await?;
            match self.fetch(&client, &mut cursor).await {
                Ok((page, true)) => return Ok((page, Some(cursor))),
                Ok((page, false)) => return Ok((page, None)),
                Err(Fails::Other(error)) => return Err(error),
                // A broken connection: nothing of the page was handed out.
                Err(Fails::Driver(error)) if is_lost(&error) && tries < TRIES => {
                    self.discard(client);
                    tokio::time::sleep(Duration::from_millis(10 << (2 * tries))).await;
                    tries += 1;
                }
                Err(Fails::Driver(error)) => return Err(from_driver(None, error)),
            }
        }
    }

    /// A short read goes on the lane, so that many of them need no connection each; a page of
    /// a long one would hold the others up.
    async fn lend(&self, cursor: &Cursor) -> Result<Lent> {
        let is_short = cursor.plan.is_none()
            && matches!(cursor.read.selection, Selection::Stream(_) | Selection::Event(_))
            && cursor.read.recorded_since.is_none()
            && cursor.read.recorded_until.is_none();
        if !is_short || self.connections.most() < FOR_A_LANE {
            return self.connections.get().await.map(|client| Lent::Own(Box::new(client)));
        }
        if let Some(client) = &*self.lane()
            && !client.is_closed()
        {
            return Ok(Lent::Shared(Arc::clone(client)));
        }
        let client = Arc::new(self.connections.get().await?);
        *self.lane() = Some(Arc::clone(&client));
        Ok(Lent::Shared(client))
    }

    /// Does away with a connection that broke.
    fn discard(&self, client: Lent) {
        match client {
            Lent::Own(client) => drop(Object::take(*client)),
            // Whoever comes next finds it closed, and makes a new one.
            Lent::Shared(client) => {
                self.lane().take_if(|lane| Arc::ptr_eq(lane, &client));
            }
        }
    }

    fn lane(&self) -> MutexGuard<'_, Option<Arc<Object>>> {
        self.lane.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fetch(
        &self,
        client: &Object,
        cursor: &mut Cursor,
    ) -> Result<(Vec<Recorded>, bool), Fails> {
        if cursor.plan.is_none() {
            cursor.plan = Some(Plan::new(client, self, &cursor.read).await?);
        }
        let Some(plan) = &cursor.plan else { return Ok((Vec::new(), false)) };
        let wanted =
            if plan.exact { cursor.wanted.min(signed(cursor.left)) } else { cursor.wanted };
        let Some((sql, values)) = cursor.query(plan, wanted, &self.sql) else {
            return Ok((Vec::new(), false));
        };
        let statement = client.prepare_cached(&sql).await.map_err(Fails::Driver)?;
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(Value::as_sql).collect();
        let (rows, bytes, is_cut) = self.rows(client, &statement, &values).await?;
        self.learn(client, &rows).await?;
        let seen = signed(rows.len() as u64);
        let page = cursor.collect(self, &rows)?;
        // Pages of large payloads have fewer rows, so that all have about the same size.
        let mean = (bytes / rows.len().max(1)).max(1);
        let fitting = signed((PAGE_BYTES / mean) as u64).clamp(1, PAGE);
        cursor.wanted = fitting.min(cursor.wanted.saturating_mul(8));
        Ok((page, (is_cut || seen == wanted) && cursor.left > 0))
    }

    /// The rows of a query, until they have more than enough bytes.
    async fn rows(
        &self,
        client: &Object,
        statement: &tokio_postgres::Statement,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<(Vec<Row>, usize, bool), Fails> {
        let values = values.iter().map(|value| *value as &(dyn ToSql + Sync));
        let rows = client.query_raw(statement, values).await.map_err(Fails::Driver)?;
        let mut rows = pin!(rows);
        let (mut page, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.try_next().await.map_err(Fails::Driver)? {
            bytes += row.try_get::<_, &[u8]>(8).map_err(Fails::Driver)?.len();
            page.push(row);
            if bytes > PAGE_BYTES {
                return Ok((page, bytes, true));
            }
        }
        Ok((page, bytes, false))
    }

    /// Makes sure that the family of each row is known.
    async fn learn(&self, client: &Object, rows: &[Row]) -> Result<(), Fails> {
        let known = self.families.known();
        let mut unknown: Vec<i64> = Vec::new();
        for row in rows {
            let (_, _, family) = places(row).map_err(Fails::Driver)?;
            if !known.contains_key(&family) && !unknown.contains(&family) {
                unknown.push(family);
            }
        }
        if !unknown.is_empty() {
            let rows = client.query(&self.sql.families_of, &[&unknown]).await;
            self.families.learn(&rows.map_err(Fails::Driver)?)?;
        }
        Ok(())
    }
}

impl Cursor {
    fn collect(&mut self, reader: &Reader, rows: &[Row]) -> Result<Vec<Recorded>> {
        let known = reader.families.known();
        let exact = self.plan.as_ref().is_some_and(|plan| plan.exact);
        let mut page = Vec::with_capacity(rows.len());
        let mut last: Option<(Uuid, es_core::StreamId)> = match &self.read.selection {
            Selection::Stream(stream) => Some((crate::hash::stream(stream), stream.clone())),
            _ => None,
        };
        for row in rows {
            let (position, version, family) = places(row).map_err(damaged)?;
            self.pass(position, version);
            let family = known.get(&family);
            let family = family.ok_or_else(|| damaged("an event is of no family"))?;
            let event = recorded(row, family, &mut last)?;
            if exact || self.read.covers(&event) {
                page.push(event);
                self.left -= 1;
                if self.left == 0 {
                    break;
                }
            }
        }
        Ok(page)
    }

    /// Moves the bounds behind a candidate.
    fn pass(&mut self, position: i64, version: i64) {
        let Some(plan) = &mut self.plan else { return };
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
    }

    fn query(&self, plan: &Plan, wanted: i64, sql: &Sql) -> Option<(String, Vec<Value>)> {
        let (events, tagged, order) = (&sql.events, &sql.tags, order(self.read.direction));
        let mut values = vec![Value::Number(plan.low), Value::Number(plan.high)];
        let sql = match &plan.source {
            Source::Nothing => return None,
            Source::Event(id) => {
                values.push(Value::Uuid(id.as_uuid()));
                format!(
                    "SELECT {COLUMNS} FROM {events} e WHERE e.id = $3 \
                     AND e.position BETWEEN $1 AND $2"
                )
            }
            Source::Stream(stream) => {
                values.extend([
                    Value::Uuid(*stream),
                    Value::Number(self.low_version),
                    Value::Number(self.high_version),
                    Value::Number(wanted),
                ]);
                // The sum keeps the range of positions from being taken for the index.
                format!(
                    "SELECT {COLUMNS} FROM {events} e WHERE e.stream = $3 \
                     AND e.version BETWEEN $4 AND $5 AND e.position + 0 BETWEEN $1 AND $2 \
                     ORDER BY e.version {order} LIMIT $6"
                )
            }
            Source::Log(families) => {
                values.push(Value::Number(wanted));
                let filter = families.as_ref().map_or("", |families| {
                    values.push(Value::Numbers(families.clone()));
                    "AND e.family = ANY ($4)"
                });
                format!(
                    "SELECT {COLUMNS} FROM {events} e WHERE e.position BETWEEN $1 AND $2 \
                     {filter} ORDER BY e.position {order} LIMIT $3"
                )
            }
            Source::Families(families) => {
                values.push(Value::Number(wanted));
                let lists: Vec<String> = (4..families.len() + 4)
                    .map(|number| {
                        format!(
                            "SELECT {COLUMNS} FROM {events} e WHERE e.family = ${number} \
                             AND e.position BETWEEN $1 AND $2"
                        )
                    })
                    .collect();
                values.extend(families.iter().map(|family| Value::Number(*family)));
                let lists = lists.join(" UNION ALL ");
                format!("{lists} ORDER BY position {order} LIMIT $3")
            }
            Source::Lists { families, tags } => {
                values.push(Value::Number(wanted));
                let of_families = families.iter().map(|family| {
                    values.push(Value::Number(*family));
                    let number = values.len();
                    format!("SELECT position FROM {events} WHERE family = ${number}")
                });
                let mut lists: Vec<String> = of_families.collect();
                lists.extend(tags.iter().map(|tag| {
                    values.push(Value::Text(tag.clone()));
                    let number = values.len();
                    format!("SELECT position FROM {tagged} WHERE tag = ${number}")
                }));
                // Each list gives as many as a page has, so the work of a page is bounded
                // whatever the lists hold.
                let lists: Vec<String> = lists
                    .iter()
                    .map(|list| {
                        format!(
                            "({list} AND position BETWEEN $1 AND $2 \
                             ORDER BY position {order} LIMIT $3)"
                        )
                    })
                    .collect();
                let lists = lists.join(" UNION ");
                format!(
                    "SELECT {COLUMNS} FROM (SELECT l.position FROM ({lists}) l \
                     ORDER BY l.position {order} LIMIT $3) l \
                     JOIN {events} e ON e.position = l.position ORDER BY e.position {order}"
                )
            }
        };
        Some((sql, values))
    }
}

/// An argument of a query.
enum Value {
    Number(i64),
    Numbers(Vec<i64>),
    Uuid(Uuid),
    Text(String),
}

impl Value {
    fn as_sql(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Number(number) => number,
            Self::Numbers(numbers) => numbers,
            Self::Uuid(uuid) => uuid,
            Self::Text(text) => text,
        }
    }
}
