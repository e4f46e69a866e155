//! One page of a read: so many candidates, those of them that the read covers, and where
//! to go on.

use std::sync::Arc;

use es_core::{BareEvent, BareEvents, Direction, Read, Recorded, Result, Selection};
use rusqlite::{Connection, ToSql, params_from_iter, types::Value};

use super::{
    fold,
    names::Names,
    plan::{Plan, Source, last_version, order},
    row::{Columns, Place, STREAM, recorded, signed},
    rows::Rows,
};
use crate::error::{damaged, from_driver};

/// Candidates of a page that is read where it is asked for: few enough that no other task of
/// that thread waits long.
const NEAR_PAGE: i64 = 128;
/// The same for a fold, of which each takes half as long.
const NEAR_FOLD: i64 = 256;
/// Candidates of any other first page: most reads are of one short stream.
const FIRST_PAGE: i64 = 256;
/// Candidates of each later page.
const PAGE: i64 = 1_024;
/// Candidates of the first piece of a read, when several are read at the same time: few, so
/// that whoever folds them has something to do at once. Each is larger than the one before.
const FIRST_PIECE: i64 = 128;
/// Candidates of the largest piece.
const PIECE: i64 = 1_024;
/// A page ends behind the event that takes its payloads beyond this.
const PAGE_BYTES: usize = 1 << 20;

/// What is on a page.
pub(crate) enum Found {
    /// All that was asked for lies there: the events are made by the caller.
    Rows(Rows),
    /// Only the events themselves told which of them are wanted.
    Events(Vec<Recorded>),
    /// What a fold needs of all that was asked for.
    Bare(Vec<BareEvent>),
}

impl Found {
    /// Whether it holds no event.
    pub(super) const fn is_empty(&self) -> bool {
        match self {
            Self::Rows(rows) => rows.is_empty(),
            Self::Events(events) => events.is_empty(),
            Self::Bare(events) => events.is_empty(),
        }
    }

    const NOTHING: Self = Self::Events(Vec::new());

    pub(crate) fn into_events(self) -> Result<Vec<Recorded>> {
        match self {
            Self::Rows(rows) => rows.making().rest(),
            Self::Events(events) => Ok(events),
            Self::Bare(_) => Err(damaged("a fold was read where events were asked for")),
        }
    }
}

/// A read and how far it has got.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    read: Arc<Read>,
    plan: Option<Plan>,
    left: u64,
    /// Bounds of the versions, for the read of one stream.
    low_version: i64,
    high_version: i64,
    /// Candidates of the next piece.
    piece: i64,
    columns: Columns,
}

impl Cursor {
    pub(crate) fn new(read: Read) -> Self {
        Self::of(read, Columns::All)
    }

    pub(crate) fn of(read: Read, columns: Columns) -> Self {
        Self {
            left: read.limit.unwrap_or(u64::MAX),
            low_version: read.from_version.map_or(1, |version| signed(version.get())),
            high_version: read.to_version.map_or(i64::MAX, |version| signed(version.get())),
            read: Arc::new(read),
            plan: None,
            piece: FIRST_PIECE,
            columns,
        }
    }

    /// Whether a page is little work: some rows of one index.
    pub(crate) fn is_near(&self) -> bool {
        matches!(self.read.selection, Selection::Stream(_) | Selection::Event(_))
    }

    /// The next page of a read that [is near](Self::is_near), of few events.
    pub(crate) fn near_page(
        &mut self,
        connection: &Connection,
        names: &mut Names,
    ) -> Result<(Found, bool)> {
        let wanted = if self.columns == Columns::Fold { NEAR_FOLD } else { NEAR_PAGE };
        self.page_of(connection, names, wanted)
    }

    /// The next page, and whether there may be more.
    pub(crate) fn page(
        &mut self,
        connection: &Connection,
        names: &mut Names,
    ) -> Result<(Found, bool)> {
        let wanted = if self.plan.is_some() { PAGE } else { FIRST_PAGE };
        self.page_of(connection, names, wanted)
    }

    /// Takes the next piece off a read whose places are known ahead, so that pieces can be
    /// read side by side; nothing when there is none, or when only reading it tells where
    /// the next begins.
    pub(crate) fn next_piece(&mut self) -> Option<Self> {
        let plan = self.plan.as_mut().filter(|plan| plan.exact && self.read.limit.is_none())?;
        // Versions and positions have no holes.
        let (low, high) = match plan.source {
            Source::Stream(_) => (&mut self.low_version, &mut self.high_version),
            Source::Log(None) => (&mut plan.low, &mut plan.high),
            _ => return None,
        };
        if *low > *high {
            return None;
        }
        let (whole, is_forward) = ((*low, *high), self.read.direction == Direction::Forward);
        let piece = if is_forward {
            (whole.0, whole.1.min(whole.0.saturating_add(self.piece - 1)))
        } else {
            (whole.0.max(whole.1.saturating_sub(self.piece - 1)), whole.1)
        };
        (*low, *high) = piece;
        let cursor = self.clone();
        self.piece = (self.piece * 2).min(PIECE);
        self.set_bounds(if is_forward { (piece.1 + 1, whole.1) } else { (whole.0, piece.0 - 1) });
        Some(cursor)
    }

    fn set_bounds(&mut self, (low, high): (i64, i64)) {
        match &mut self.plan {
            Some(plan) if matches!(plan.source, Source::Log(_)) => {
                (plan.low, plan.high) = (low, high);
            }
            _ => (self.low_version, self.high_version) = (low, high),
        }
    }

    fn page_of(
        &mut self,
        connection: &Connection,
        names: &mut Names,
        wanted: i64,
    ) -> Result<(Found, bool)> {
        if self.left == 0 {
            return Ok((Found::NOTHING, false));
        }
        let (plan, is_first) = match self.plan.take() {
            Some(plan) => (plan, false),
            None => (Plan::new(connection, names, &self.read)?, true),
        };
        let wanted = if plan.exact { wanted.min(signed(self.left)) } else { wanted };
        let (sql, values) = self.query(&plan, wanted);
        self.plan = Some(plan);
        let Some(sql) = sql else {
            return Ok((Found::NOTHING, false));
        };
        let (page, more) = self.collect(connection, names, &sql, &values, wanted)?;
        if is_first && more {
            self.settle(connection)?;
        }
        Ok((page, more))
    }

    /// Bounds the rest of a read that was begun without a look at the head.
    ///
    /// What is there now is what the read covers: the rows do not change, so later pages
    /// need no snapshot.
    fn settle(&mut self, connection: &Connection) -> Result<()> {
        if let Some(Plan { source: Source::Stream(stream), .. }) = &self.plan {
            self.high_version = self.high_version.min(last_version(connection, stream)?);
        }
        Ok(())
    }

    fn collect(
        &mut self,
        connection: &Connection,
        names: &mut Names,
        sql: &str,
        values: &[Value],
        wanted: i64,
    ) -> Result<(Found, bool)> {
        let mut statement = connection.prepare_cached(sql).map_err(from_driver)?;
        let mut rows = statement
            .query(params_from_iter(values.iter().map(|value| value as &dyn ToSql)))
            .map_err(from_driver)?;
        let exact = self.plan.as_ref().is_some_and(|plan| plan.exact);
        let is_fold = self.plan.as_ref().map(|plan| self.columns_of(plan)) == Some(Columns::Fold);
        let read = Arc::clone(&self.read);
        let stream = match &read.selection {
            Selection::Stream(stream) => Some(stream),
            _ => None,
        };
        let (mut found, mut bare, mut events) =
            (Rows::default(), BareEvents::default(), Vec::new());
        let (mut bytes, mut seen) = (0, 0);
        let mut more = None;
        while let Some(row) = rows.next().map_err(from_driver)? {
            seen += 1;
            let place = Place::of(row).map_err(from_driver)?;
            self.go_on(&place, 1);
            if !self.may_cover(&place) {
                continue;
            }
            if is_fold {
                fold::push(&mut bare, row, &place, names, connection)?;
                bytes = bare.payload_bytes();
            } else if exact {
                found.push(row, &place, stream, names, connection)?;
                bytes = found.bytes();
            } else {
                let stream = match stream {
                    Some(stream) => stream.clone(),
                    None => names.stream(connection, row.get(STREAM).map_err(from_driver)?)?,
                };
                let (event, failed) = recorded(row, &place, stream, names, connection)?;
                if !read.covers(&event) {
                    continue;
                }
                if let Some(error) = failed {
                    if events.is_empty() {
                        return Err(error);
                    }
                    // Those before it come first: the next page begins with it.
                    self.go_on(&place, 0);
                    more = Some(true);
                    break;
                }
                bytes += event.payload.bytes().len();
                events.push(event);
            }
            self.left -= 1;
            if self.left == 0 || bytes > PAGE_BYTES {
                more = Some(self.left > 0);
                break;
            }
        }
        let more = more.unwrap_or(seen == wanted);
        let found = match exact {
            true if is_fold => Found::Bare(bare.into_vec()),
            true => Found::Rows(found.named_by(names)),
            false => Found::Events(events),
        };
        Ok((found, more))
    }

    /// Moves the bounds to the candidate at `place`, or so many behind it.
    fn go_on(&mut self, place: &Place, behind: i64) {
        let Some(plan) = &mut self.plan else { return };
        // Versions tell where a stream goes on; a bound of positions would be one more to check.
        let (low, high, at) = match plan.source {
            Source::Stream(_) => (&mut self.low_version, &mut self.high_version, place.version),
            _ => (&mut plan.low, &mut plan.high, place.position),
        };
        match self.read.direction {
            Direction::Forward => *low = at + behind,
            Direction::Backward => *high = at - behind,
        }
    }

    /// What is read of each row. Where only the whole event tells whether it is wanted, all.
    fn columns_of(&self, plan: &Plan) -> Columns {
        if plan.exact { self.columns } else { Columns::All }
    }

    /// Passes over events of other families before anything is made of them.
    fn may_cover(&self, place: &Place) -> bool {
        match self.plan.as_ref().map(|plan| &plan.source) {
            Some(Source::Log(Some(families))) => families.binary_search(&place.family).is_ok(),
            _ => true,
        }
    }

    fn query(&self, plan: &Plan, wanted: i64) -> (Option<String>, Vec<Value>) {
        let order = order(self.read.direction);
        let columns = self.columns_of(plan).sql();
        let mut values: Vec<Value> = vec![plan.low.into(), plan.high.into(), wanted.into()];
        let sql = match &plan.source {
            Source::Nothing => return (None, values),
            Source::Event(id) => {
                values.push(id.as_uuid().as_bytes().to_vec().into());
                format!(
                    "SELECT {columns} FROM es_events WHERE id = ?4 \
                     AND +position BETWEEN ?1 AND ?2 ORDER BY position {order} LIMIT ?3"
                )
            }
            Source::Stream(stream) => {
                let tenant = stream.tenant().map_or("", |tenant| tenant.as_str());
                let names = [stream.category().as_str(), stream.key().as_str(), tenant];
                values.extend(names.map(|name| Value::from(name.to_owned())));
                values.extend([self.low_version, self.high_version].map(Value::from));
                // The plus keeps the range of positions from being taken for the index.
                let bounds = match (plan.low, plan.high) {
                    (..=1, i64::MAX) => "",
                    _ => "AND +position BETWEEN ?1 AND ?2 ",
                };
                format!(
                    "SELECT {columns} FROM es_events INDEXED BY es_events_version \
                     WHERE stream = (SELECT id FROM es_streams \
                     WHERE category = ?4 AND key = ?5 AND tenant = ?6) \
                     AND version BETWEEN ?7 AND ?8 {bounds}ORDER BY version {order} LIMIT ?3"
                )
            }
            Source::Log(_) => format!(
                "SELECT {columns} FROM es_events WHERE position BETWEEN ?1 AND ?2 \
                 ORDER BY position {order} LIMIT ?3"
            ),
            Source::Lists { families, tags } => {
                values.extend(families.iter().map(|&family| Value::from(family)));
                values.extend(tags.iter().map(|tag| Value::from(tag.clone())));
                merged(columns, families.len(), tags.len(), order)
            }
        };
        (Some(sql), values)
    }
}

/// The positions of several lists in order, each once, and their events. The inner limit
/// bounds the work of a page whatever the lists hold.
fn merged(columns: &str, families: usize, tags: usize, order: &str) -> String {
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
        "WITH found AS MATERIALIZED ({lists} ORDER BY 1 {order} LIMIT ?3) SELECT {columns} \
         FROM found CROSS JOIN es_events USING (position) ORDER BY position {order}"
    )
}

#[cfg(test)]
mod tests;
