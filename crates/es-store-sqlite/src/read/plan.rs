//! How to find what a read asks for: by which index, between which places.

use es_core::{
    Direction, EventId, Position, QueryItem, Read, Result, Selection, StreamId, Timestamp,
};
use rusqlite::{Connection, OptionalExtension};

use super::{
    names::{Family, Names},
    row::{signed, unsigned},
};
use crate::error::{damaged, from_driver};

/// So many index ranges are merged; a read of more goes through the log and passes over
/// what it does not want.
const MERGED: usize = 16;

/// Where the candidates of a read come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Nothing,
    Event(EventId),
    Stream(StreamId),
    /// The log itself; only events of these families, where not all are meant.
    Log(Option<Vec<i64>>),
    /// Ranges of the indexes by family and by tag, merged.
    Lists {
        families: Vec<i64>,
        tags: Vec<String>,
    },
}

/// What is fixed for all pages of a read. Bounds are inclusive.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) source: Source,
    /// Whether every candidate is covered by the read.
    pub(super) exact: bool,
    pub(super) low: i64,
    pub(super) high: i64,
}

impl Plan {
    /// The plan of `read` on the log as it is now: it ends at the head. For one stream or one
    /// event it has no end: one query answers, or the rest is bounded after it.
    pub(super) fn new(connection: &Connection, names: &mut Names, read: &Read) -> Result<Self> {
        let mut low = read.after.map_or(1, |after| signed(after.get()).saturating_add(1));
        let mut high = read.until.map_or(i64::MAX, |until| signed(until.get()));
        let is_timed = read.recorded_since.is_some() || read.recorded_until.is_some();
        if is_timed || !matches!(read.selection, Selection::Stream(_) | Selection::Event(_)) {
            let head = head(connection)?.get();
            high = high.min(signed(head));
            if let Some(since) = read.recorded_since {
                low = low.max(first_not_before(connection, since, head)?);
            }
            if let Some(until) = read.recorded_until {
                let behind = Timestamp::from_micros(until.as_micros().saturating_add(1));
                high = high.min(first_not_before(connection, behind, head)?.saturating_sub(1));
            }
        }
        let (source, exact) = match &read.selection {
            _ if low > high || read.query.items().is_empty() => (Source::Nothing, true),
            Selection::Event(id) => (Source::Event(*id), false),
            Selection::Stream(stream) => (Source::Stream(stream.clone()), read.query.is_any()),
            _ => lists(connection, names, read, low)?,
        };
        Ok(Self { source, exact, low, high })
    }
}

/// The index ranges that hold all of what a read over many streams covers.
fn lists(
    connection: &Connection,
    names: &mut Names,
    read: &Read,
    low: i64,
) -> Result<(Source, bool)> {
    let (mut all, mut families, mut tags) = (0, Vec::new(), Vec::new());
    let (untagged, tagged): (Vec<&QueryItem>, Vec<_>) =
        read.query.items().iter().partition(|item| item.tags.is_empty());
    for (number, family) in names.families(connection)? {
        all += 1;
        if family.is_selected(read) && untagged.iter().any(|item| has_type(item, family)) {
            families.push(number);
        }
    }
    for item in tagged {
        let tag = rarest(connection, item, low)?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    let exact = tags.is_empty();
    Ok(match (families.len(), tags.is_empty()) {
        (0, true) => (Source::Nothing, true),
        (some, _) if some == all => (Source::Log(None), true),
        (1..=MERGED, _) | (0, false) => (Source::Lists { families, tags }, exact),
        (_, true) => (Source::Log(Some(families)), true),
        (_, false) => (Source::Log(None), false),
    })
}

fn has_type(item: &QueryItem, family: &Family) -> bool {
    item.types.is_empty() || item.types.contains(&family.event_type)
}

/// The tag of an alternative that the fewest events have, as far as a short look tells.
fn rarest(connection: &Connection, item: &QueryItem, low: i64) -> Result<String> {
    let mut best = (u32::MAX, String::new());
    for tag in &item.tags {
        let count = if item.tags.len() == 1 {
            0
        } else {
            let mut statement = connection
                .prepare_cached(
                    "SELECT count(*) FROM \
                     (SELECT 1 FROM es_tags WHERE tag = ?1 AND position >= ?2 LIMIT 1000)",
                )
                .map_err(from_driver)?;
            statement.query_row((tag.as_str(), low), |row| row.get(0)).map_err(from_driver)?
        };
        if count < best.0 {
            best = (count, tag.as_str().to_owned());
        }
    }
    Ok(best.1)
}

pub(crate) fn stream_number(connection: &Connection, stream: &StreamId) -> Result<Option<i64>> {
    let tenant = stream.tenant().map_or("", |tenant| tenant.as_str());
    let mut statement = connection
        .prepare_cached(
            "SELECT id FROM es_streams WHERE category = ?1 AND key = ?2 AND tenant = ?3",
        )
        .map_err(from_driver)?;
    statement
        .query_row((stream.category().as_str(), stream.key().as_str(), tenant), |row| row.get(0))
        .optional()
        .map_err(from_driver)
}

/// The last version of a stream, 0 where there is none.
pub(super) fn last_version(connection: &Connection, stream: &StreamId) -> Result<i64> {
    let Some(number) = stream_number(connection, stream)? else { return Ok(0) };
    let mut statement = connection
        .prepare_cached("SELECT coalesce(max(version), 0) FROM es_events WHERE stream = ?1")
        .map_err(from_driver)?;
    statement.query_row([number], |row| row.get(0)).map_err(from_driver)
}

/// The last position of the log.
pub(crate) fn head(connection: &Connection) -> Result<Position> {
    let mut statement = connection
        .prepare_cached("SELECT coalesce(max(position), 0) FROM es_events")
        .map_err(from_driver)?;
    let head = statement.query_row([], |row| row.get(0)).map_err(from_driver)?;
    Ok(Position::new(unsigned(head)?))
}

/// The first position that was recorded at `moment` or later; the one behind the head where
/// there is none. Times follow positions, so halving finds it without an index.
fn first_not_before(connection: &Connection, moment: Timestamp, head: u64) -> Result<i64> {
    let mut statement = connection
        .prepare_cached("SELECT recorded_at FROM es_events WHERE position = ?1")
        .map_err(from_driver)?;
    let (mut low, mut high) = (1, signed(head).saturating_add(1));
    while low < high {
        let middle = low + (high - low) / 2;
        let at: Option<i64> =
            statement.query_row([middle], |row| row.get(0)).optional().map_err(from_driver)?;
        let at = at.ok_or_else(|| damaged(format!("there is no event at position {middle}")))?;
        if at < moment.as_micros() { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}

/// How SQL says in which order.
pub(super) const fn order(direction: Direction) -> &'static str {
    match direction {
        Direction::Forward => "ASC",
        Direction::Backward => "DESC",
    }
}
