//! One page of a read after the other.

use std::{
    collections::HashMap,
    ops::Deref,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use deadpool_postgres::Object;
use es_core::{BareEvents, Direction, FoldPage, Read, Recorded, Result, Selection, StreamId};
use futures_util::TryStreamExt;
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;

use super::{
    families::{Families, Family},
    plan::{Fails, Plan, Source, Sql, order},
    row::{COLUMNS, FOLD_COLUMNS, Places, push, recorded},
};
use crate::{
    append::signed,
    ask::Typed,
    connect::Connections,
    error::{damaged, from_driver, is_lost, is_out_of_sight},
};

/// Candidates of the first page: enough for most streams.
const FIRST_PAGE: i64 = 512;
/// Candidates of a later page at most.
const PAGE: i64 = 2_048;
/// Bytes of payload behind which a page ends.
const PAGE_BYTES: usize = 2 << 20;
/// Connections behind which one is kept for short reads.
const FOR_A_LANE: usize = 4;
/// How often a page is asked for again when its connection breaks, or does not see all partitions.
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

/// What one query has brought.
struct Fetched {
    events: FoldPage,
    is_more: bool,
    /// Whether rows of it were left behind.
    is_cut: bool,
}

impl Fetched {
    const NOTHING: Self =
        Self { events: FoldPage::Recorded(Vec::new()), is_more: false, is_cut: false };
}

/// A page that is being filled.
struct Page {
    events: Vec<Recorded>,
    /// What is filled instead for a fold.
    bare: Option<BareEvents>,
    families: Arc<HashMap<i64, Arc<Family>>>,
    /// The family of the last event, which the next one mostly has too.
    family: Option<(i64, Arc<Family>)>,
    last: Option<StreamId>,
    exact: bool,
    seen: i64,
    bytes: usize,
}

impl Page {
    fn new(cursor: &Cursor, reader: &Reader) -> Self {
        let last = match &cursor.read.selection {
            Selection::Stream(stream) => Some(stream.clone()),
            _ => None,
        };
        let exact = cursor.plan.as_ref().is_some_and(|plan| plan.exact);
        let is_fold = cursor.plan.as_ref().is_some_and(|plan| cursor.is_bare(plan));
        let bare = is_fold.then(BareEvents::default);
        let families = reader.families.known();
        Self { events: Vec::new(), bare, families, family: None, last, exact, seen: 0, bytes: 0 }
    }

    /// Takes a candidate; `false` when its family is not known, and then it was not taken.
    fn take(&mut self, cursor: &mut Cursor, row: &Row) -> Result<bool, Fails> {
        let places = Places::of(row).map_err(Fails::Driver)?;
        let family = match &self.family {
            Some((number, family)) if *number == places.family => family,
            _ => {
                let Some(family) = self.families.get(&places.family) else { return Ok(false) };
                &self.family.insert((places.family, Arc::clone(family))).1
            }
        };
        if let Some(bare) = &mut self.bare {
            let before = bare.payload_bytes();
            push(bare, row, places, family)?;
            cursor.pass(places.position, places.version);
            self.seen += 1;
            self.bytes += bare.payload_bytes() - before;
            cursor.left = cursor.left.saturating_sub(1);
            return Ok(true);
        }
        let event = recorded(row, places, family, &mut self.last)?;
        cursor.pass(places.position, places.version);
        self.seen += 1;
        self.bytes += event.payload.bytes().len();
        if cursor.left > 0 && (self.exact || cursor.read.covers(&event)) {
            self.events.push(event);
            cursor.left -= 1;
        }
        Ok(true)
    }
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
    /// Whether envelopes are not needed.
    is_fold: bool,
}

impl Cursor {
    pub(crate) fn new(read: Read, is_fold: bool) -> Self {
        Self {
            left: read.limit.unwrap_or(u64::MAX),
            low_version: read.from_version.map_or(1, |version| signed(version.get())),
            high_version: read.to_version.map_or(i64::MAX, |version| signed(version.get())),
            read,
            plan: None,
            wanted: FIRST_PAGE,
            is_fold,
        }
    }
}

impl Reader {
    /// The next page, and where to go on if there may be more.
    pub(crate) async fn page(&self, mut cursor: Cursor) -> Result<(FoldPage, Option<Cursor>)> {
        let mut tries = 0;
        loop {
            if cursor.left == 0 {
                return Ok((FoldPage::Recorded(Vec::new()), None));
            }
            let client = self.lend(&cursor).await?;
            let before = cursor.places();
            match self.fetch(&client, &mut cursor).await {
                Ok(Fetched { events, is_more, is_cut }) => {
                    if is_cut {
                        // Much is still on its way, and nobody wants it.
                        self.discard(client);
                    }
                    return Ok((events, is_more.then_some(cursor)));
                }
                Err(Fails::Other(error)) => return Err(error),
                // A broken connection: nothing of the page was handed out, so it begins anew.
                Err(Fails::Driver(error)) if is_lost(&error) && tries < TRIES => {
                    cursor.go_back(before);
                    self.discard(client);
                    tokio::time::sleep(Duration::from_millis(10 << (2 * tries))).await;
                    tries += 1;
                }
                Err(Fails::Driver(error)) if is_out_of_sight(&error) && tries < TRIES => {
                    tracing::debug!(error = %error, "a session does not see all partitions");
                    cursor.go_back(before);
                    if let Some(sight) = &self.sql.sight {
                        sight.tell(&client).await;
                    }
                    self.discard(client);
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
        // What looks for partitions has a transaction of its own.
        let is_short = is_short && self.sql.sight.is_none();
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

    async fn fetch(&self, client: &Object, cursor: &mut Cursor) -> Result<Fetched, Fails> {
        if cursor.plan.is_none() {
            cursor.plan = Some(Plan::new(client, self, &cursor.read).await?);
        }
        let Some(plan) = &cursor.plan else { return Ok(Fetched::NOTHING) };
        let wanted =
            if plan.exact { cursor.wanted.min(signed(cursor.left)) } else { cursor.wanted };
        let Some((sql, values)) = cursor.query(plan, wanted, &self.sql) else {
            return Ok(Fetched::NOTHING);
        };
        let values: Vec<_> = values.iter().map(Value::as_sql).collect();
        let (rows, begun) = match &self.sql.sight {
            Some(sight) => {
                let (rows, begun) =
                    sight.rows(client, &sql, &values).await.map_err(Fails::Driver)?;
                (rows, Some(begun))
            }
            None => {
                let sent = self.connections.sent();
                (sent.rows(client, &sql, &values).await.map_err(Fails::Driver)?, None)
            }
        };
        let mut rows = pin!(rows);
        let mut page = Page::new(cursor, self);
        // Rows behind one whose family is not known yet; what that is can be asked when all
        // have come.
        let mut rest: Vec<Row> = Vec::new();
        while let Some(row) = rows.try_next().await.map_err(Fails::Driver)? {
            if !rest.is_empty() || !page.take(cursor, &row)? {
                rest.push(row);
            }
            if page.bytes > PAGE_BYTES || cursor.left == 0 {
                break;
            }
        }
        if !rest.is_empty() {
            self.learn(client, &rest).await?;
            page.families = self.families.known();
            for row in &rest {
                if !page.take(cursor, row)? {
                    return Err(Fails::Other(damaged("an event is of no family")));
                }
            }
        }
        let is_cut = page.seen < wanted && (page.bytes > PAGE_BYTES || cursor.left == 0);
        if let Some(begun) = begun.filter(|_| !is_cut) {
            begun.end().await.map_err(Fails::Driver)?;
        }
        // Pages of large payloads have fewer rows, so that all have about the same size.
        let mean = page.bytes / usize::try_from(page.seen).unwrap_or(1).max(1);
        let fitting = signed((PAGE_BYTES / mean.max(1)) as u64).clamp(1, PAGE);
        let is_more = (is_cut || page.seen == wanted) && cursor.left > 0;
        cursor.wanted = fitting.min(cursor.wanted.saturating_mul(8));
        let events = match page.bare {
            Some(bare) => FoldPage::Bare(bare.into_vec()),
            None => FoldPage::Recorded(page.events),
        };
        Ok(Fetched { events, is_more, is_cut })
    }

    /// Makes sure that the family of each row is known.
    async fn learn(&self, client: &Object, rows: &[Row]) -> Result<(), Fails> {
        let known = self.families.known();
        let mut unknown: Vec<i64> = Vec::new();
        for row in rows {
            let Places { family, .. } = Places::of(row).map_err(Fails::Driver)?;
            if !known.contains_key(&family) && !unknown.contains(&family) {
                unknown.push(family);
            }
        }
        if !unknown.is_empty() {
            let rows =
                client.query_typed(&self.sql.families_of, &[(&unknown, Type::INT8_ARRAY)]).await;
            self.families.learn(&rows.map_err(Fails::Driver)?)?;
        }
        Ok(())
    }
}

impl Cursor {
    /// Where it is, to come back to: low, high, low version, high version, left.
    fn places(&self) -> Option<(i64, i64, i64, i64, u64)> {
        let plan = self.plan.as_ref()?;
        Some((plan.low, plan.high, self.low_version, self.high_version, self.left))
    }

    /// Goes back there; without a plan, to where it began.
    fn go_back(&mut self, places: Option<(i64, i64, i64, i64, u64)>) {
        match (places, &mut self.plan) {
            (Some((low, high, low_version, high_version, left)), Some(plan)) => {
                (plan.low, plan.high, self.left) = (low, high, left);
                (self.low_version, self.high_version) = (low_version, high_version);
            }
            _ => *self = Self::new(self.read.clone(), self.is_fold),
        }
    }

    /// Whether a fold is read, and every candidate is wanted: otherwise the event itself tells.
    const fn is_bare(&self, plan: &Plan) -> bool {
        self.is_fold && plan.exact
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
        let columns = if self.is_bare(plan) { FOLD_COLUMNS } else { COLUMNS };
        let mut values = vec![Value::Number(plan.low), Value::Number(plan.high)];
        let sql = match &plan.source {
            Source::Nothing => return None,
            Source::Event(id) => {
                values.push(Value::Uuid(id.as_uuid()));
                // With partitions there is no index by id, and its place is known by now.
                format!(
                    "SELECT {columns} FROM {events} e WHERE e.id = $3 \
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
                // The sum keeps the range of positions from being taken for the index; with
                // partitions it has to tell which of them are looked at.
                let sum = if sql.sight.is_some() { "" } else { " + 0" };
                format!(
                    "SELECT {columns} FROM {events} e WHERE e.stream = $3 \
                     AND e.version BETWEEN $4 AND $5 AND e.position{sum} BETWEEN $1 AND $2 \
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
                    "SELECT {columns} FROM {events} e WHERE e.position BETWEEN $1 AND $2 \
                     {filter} ORDER BY e.position {order} LIMIT $3"
                )
            }
            Source::Family(family) => {
                values.extend([Value::Number(wanted), Value::Number(*family)]);
                let (range, order) = of_family("e.", 4, order, sql);
                format!("SELECT {columns} FROM {events} e WHERE {range} ORDER BY {order} LIMIT $3")
            }
            Source::Lists { families, tags } => {
                values.push(Value::Number(wanted));
                let mut lists = Vec::new();
                for family in families {
                    values.push(Value::Number(*family));
                    let (range, order) = of_family("", values.len(), order, sql);
                    lists.push(format!("{events} WHERE {range} ORDER BY {order}"));
                }
                for tag in tags {
                    values.push(Value::Text(tag.clone()));
                    lists.push(format!(
                        "{tagged} WHERE tag = ${} AND position BETWEEN $1 AND $2 \
                         ORDER BY position {order}",
                        values.len()
                    ));
                }
                // Two families have no event in common.
                let union = if tags.is_empty() { " UNION ALL " } else { " UNION " };
                merged(columns, &lists, union, order, sql)
            }
        };
        Some((sql, values))
    }
}

/// Which events are of the family at `place` and within the bounds, and their order. As one
/// range of pairs, and not as a family and a range of positions: for that the server may go
/// through the whole log by its positions, and leave out what is of other families.
///
/// With partitions the range is said as well: it tells which of them are looked at.
fn of_family(of: &str, place: usize, order: &str, sql: &Sql) -> (String, String) {
    let pair = format!("({of}family, {of}position)");
    let mut range = format!("{pair} >= (${place}, $1) AND {pair} <= (${place}, $2)");
    if sql.sight.is_some() {
        range.push_str(&format!(" AND {of}position BETWEEN $1 AND $2"));
    }
    (range, format!("{of}family {order}, {of}position {order}"))
}

/// The events at the positions of several lists, in order. Each list gives as many as a page
/// has, so that the work of a page is bounded whatever the lists hold: left to itself, the
/// server may sort them whole.
fn merged(columns: &str, lists: &[String], union: &str, order: &str, sql: &Sql) -> String {
    let events = &sql.events;
    let lists: Vec<String> =
        lists.iter().map(|list| format!("(SELECT position FROM {list} LIMIT $3)")).collect();
    let lists = lists.join(union);
    format!(
        "SELECT {columns} FROM (SELECT l.position FROM ({lists}) l \
         ORDER BY l.position {order} LIMIT $3) l \
         JOIN {events} e ON e.position = l.position ORDER BY e.position {order}"
    )
}

/// An argument of a query.
enum Value {
    Number(i64),
    Numbers(Vec<i64>),
    Uuid(Uuid),
    Text(String),
}

impl Value {
    fn as_sql(&self) -> Typed<'_> {
        match self {
            Self::Number(number) => (number, Type::INT8),
            Self::Numbers(numbers) => (numbers, Type::INT8_ARRAY),
            Self::Uuid(uuid) => (uuid, Type::UUID),
            Self::Text(text) => (text, Type::TEXT),
        }
    }
}
