//! How to find what a read asks for: by which index, between which places.

use std::sync::atomic::Ordering;

use deadpool_postgres::Object;
use es_core::{
    Direction, Error, ErrorKind, EventId, Head, LogId, Position, QueryItem, Read, Result,
    Selection, Timestamp,
};
use tokio_postgres::{Error as Driver, Row, types::Type};
use uuid::Uuid;

use super::{families::Family, page::Reader, row::Micros, row::unsigned, sight::Sight};
use crate::{
    append::signed,
    ask::{Sent, Typed},
    error::{damaged, from_driver},
    hash,
    names::Names,
};

/// So many index ranges are merged; a read of more goes through the log and passes over
/// what it does not want.
const MERGED: usize = 16;

/// Where the candidates of a read come from.
#[derive(Debug)]
pub(super) enum Source {
    Nothing,
    Event(EventId),
    Stream(Uuid),
    /// The log itself; only events of these families, where not all are meant.
    Log(Option<Vec<i64>>),
    /// A range of the index by family.
    Family(i64),
    /// Ranges of the indexes by family and by tag, merged.
    Lists {
        families: Vec<i64>,
        tags: Vec<String>,
    },
}

/// What is fixed for all pages of a read. Bounds are inclusive.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) source: Source,
    /// Whether every candidate is covered by the read.
    pub(super) exact: bool,
    pub(super) low: i64,
    pub(super) high: i64,
    /// Up to here the log is known to reach, and the read does; 0 where that is not known.
    pub(super) reach: i64,
}

impl Plan {
    /// The plan of `read`. One stream, or one event, is found without a look; any other
    /// read ends at the head that the log has now.
    pub(super) async fn new(client: &Object, reader: &Reader, read: &Read) -> Result<Self, Fails> {
        let mut low = read.after.map_or(1, |after| signed(after.get()).saturating_add(1));
        let mut high = read.until.map_or(i64::MAX, |until| signed(until.get()));
        // A caller who was told of that place gets all up to there, or an error.
        let told = reader.told.load(Ordering::Acquire);
        let mut reach = if high.cast_unsigned() <= told { high } else { 0 };
        let is_one = matches!(read.selection, Selection::Event(_) | Selection::Stream(_));
        if reach > 0 && (is_one || read.recorded_until.is_some()) {
            look(client, reader, reach).await?;
        }
        if let Some(since) = read.recorded_since {
            low = low.max(position_at(client, reader, since).await?);
        }
        if let Some(until) = read.recorded_until {
            let behind = Timestamp::from_micros(until.as_micros().saturating_add(1));
            high = high.min(position_at(client, reader, behind).await?.saturating_sub(1));
        }
        let (source, exact) = match &read.selection {
            _ if low > high || read.query.items().is_empty() => (Source::Nothing, true),
            Selection::Event(id) => {
                if let Some(sql) = &reader.sql.place_of {
                    let place = place_of((client, reader.connections.sent()), sql, *id).await?;
                    (low, high) = (low.max(place), high.min(place));
                }
                (Source::Event(*id), false)
            }
            Selection::Stream(stream) => {
                let is_exact = read.query.is_any();
                if let Some(sql) = &reader.sql.places_of {
                    // Where the stream lies leaves out the partitions where it does not.
                    let (first, last) = places_of(
                        (client, reader.connections.sent()),
                        sql,
                        read,
                        hash::stream(stream),
                    )
                    .await?;
                    (low, high) = (low.max(first), high.min(last));
                }
                (Source::Stream(hash::stream(stream)), is_exact)
            }
            _ => {
                let rows =
                    client.query_typed(&reader.sql.families, &[]).await.map_err(Fails::Driver)?;
                let Some(first) = rows.first() else {
                    has(0, reach)?;
                    return Ok(Self { source: Source::Nothing, exact: true, low, high, reach: 0 });
                };
                let head = first.try_get(4).map_err(Fails::Driver)?;
                has(head, reach)?;
                high = high.min(head);
                reach = high;
                reader.families.learn(&rows)?;
                let ids = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, Driver>>();
                lists(client, reader, read, low, ids.map_err(Fails::Driver)?).await?
            }
        };
        Ok(Self { source, exact, low, high, reach: reach.min(high) })
    }
}

/// Why a page could not be fetched.
pub(super) enum Fails {
    Driver(Driver),
    /// Rows whose families are not known yet, on a connection that has more of them.
    Unnamed(Vec<Row>),
    Other(es_core::Error),
}

impl From<es_core::Error> for Fails {
    fn from(error: es_core::Error) -> Self {
        Self::Other(error)
    }
}

/// Makes sure that the server has the log up to `reach`.
pub(super) async fn look(client: &Object, reader: &Reader, reach: i64) -> Result<(), Fails> {
    let row = reader.connections.sent().query_one(client, &reader.sql.reach, &[]).await;
    has(row.and_then(|row| row.try_get(0)).map_err(Fails::Driver)?, reach)
}

/// The error for a server whose log ends at `head` where it is known to reach further.
fn has(head: i64, reach: i64) -> Result<(), Fails> {
    if head >= reach {
        return Ok(());
    }
    let message = format!(
        "the server that was asked has the log up to position {head}, and it is known to reach \
         {reach} (a standby that lags behind, or a log that has lost its end): try again, and \
         if it stays so, read from one server"
    );
    Err(Fails::Other(Error::new(ErrorKind::Unavailable, message)))
}

/// The index ranges that hold all of what a read over many streams covers.
async fn lists(
    client: &Object,
    reader: &Reader,
    read: &Read,
    low: i64,
    all: Vec<i64>,
) -> Result<(Source, bool), Fails> {
    let (untagged, tagged): (Vec<&QueryItem>, Vec<_>) =
        read.query.items().iter().partition(|item| item.tags.is_empty());
    let known = reader.families.known();
    let mut families: Vec<i64> = Vec::new();
    for id in &all {
        let is_selected = match known.get(id) {
            Some(family) => {
                family.is_selected(read) && untagged.iter().any(|item| has_type(item, family))
            }
            None => reader.families.is_odd_one_selected(*id, read)?,
        };
        if is_selected {
            families.push(*id);
        }
    }
    let mut tags = Vec::new();
    for item in tagged {
        let tag = rarest(client, reader, item, low).await?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    let is_all = families.len() == all.len();
    Ok(match (families.len(), tags.is_empty()) {
        (0, true) => (Source::Nothing, true),
        _ if is_all => (Source::Log(None), true),
        (1, true) => (Source::Family(families[0]), true),
        (0..=MERGED, is_exact) => (Source::Lists { families, tags }, is_exact),
        (_, true) => (Source::Log(Some(families)), true),
        (_, false) => (Source::Log(None), false),
    })
}

fn has_type(item: &QueryItem, family: &Family) -> bool {
    item.types.is_empty() || item.types.contains(&family.event_type)
}

/// The tag of an alternative that the fewest events have, as far as a short look tells.
async fn rarest(
    client: &Object,
    reader: &Reader,
    item: &QueryItem,
    low: i64,
) -> Result<String, Fails> {
    let mut best = (i64::MAX, String::new());
    for tag in &item.tags {
        let count = if item.tags.len() == 1 {
            0
        } else {
            let values: [Typed<'_>; 2] = [(&tag.as_str(), Type::TEXT), (&low, Type::INT8)];
            let row = client.query_typed_one(&reader.sql.rarity, &values).await;
            let row = row.map_err(Fails::Driver)?;
            row.try_get(0).map_err(Fails::Driver)?
        };
        if count < best.0 {
            best = (count, tag.as_str().to_owned());
        }
    }
    Ok(best.1)
}

async fn position_at(client: &Object, reader: &Reader, at: Timestamp) -> Result<i64, Fails> {
    let row = client
        .query_typed_one(&reader.sql.position_at, &[(&Micros::from(at), Type::TIMESTAMPTZ)])
        .await
        .map_err(Fails::Driver)?;
    row.try_get(0).map_err(Fails::Driver)
}

/// The positions of the first and the last event of a stream that the versions of `read` admit;
/// a range of nothing where there is none.
async fn places_of(
    (client, sent): (&Object, Sent),
    sql: &str,
    read: &Read,
    stream: Uuid,
) -> Result<(i64, i64), Fails> {
    let low = read.from_version.map_or(1, |version| signed(version.get()));
    let high = read.to_version.map_or(i64::MAX, |version| signed(version.get()));
    let values: [Typed<'_>; 3] = [(&stream, Type::UUID), (&low, Type::INT8), (&high, Type::INT8)];
    let row = sent.query_one(client, sql, &values).await.map_err(Fails::Driver)?;
    let place = |at| row.try_get::<_, Option<i64>>(at).map_err(Fails::Driver);
    Ok((place(0)?.unwrap_or(1), place(1)?.unwrap_or(0)))
}

/// The position of an event; 0, where none is, if there is no such event.
async fn place_of((client, sent): (&Object, Sent), sql: &str, id: EventId) -> Result<i64, Fails> {
    let values: [Typed<'_>; 1] = [(&id.as_uuid(), Type::UUID)];
    let row = sent.query_opt(client, sql, &values).await.map_err(Fails::Driver)?;
    row.map_or(Ok(0), |row| row.try_get(0).map_err(Fails::Driver))
}

/// Which log it is and where it ends.
pub(crate) async fn head(client: &Object, sent: Sent, sql: &str) -> Result<Head> {
    let row = sent.query_one(client, sql, &[]).await;
    let row = row.map_err(|error| from_driver(None, error))?;
    let log = LogId::from_uuid(row.try_get(0).map_err(damaged)?);
    let head = Head::new(log, Position::new(unsigned(row.try_get(1).map_err(damaged)?)?));
    // Another server, or the same one that was started again, has another moment of its start.
    let started = Timestamp::from(row.try_get::<_, Micros>(3).map_err(damaged)?);
    let last = row.try_get::<_, Option<Uuid>>(2).map_err(damaged)?.map(EventId::from_uuid);
    Ok(head.in_term(started.as_micros().cast_unsigned(), last))
}

/// Where the log ends, for whoever sees all of it.
const HEAD: &str = "SELECT l.id, coalesce(h.position, 0), h.id, pg_postmaster_start_time() \
     FROM {es}log l LEFT JOIN LATERAL (SELECT e.position, e.id FROM {keys} e \
     ORDER BY e.position DESC LIMIT 1) h ON true";

/// The same for whoever sees the events of some tenants: the last event is told if it is among
/// them, since a follower may have to find it again.
const HEAD_FOR_SOME: &str = "SELECT l.id, h.position, \
     (SELECT e.id FROM {keys} e WHERE e.position = h.position), pg_postmaster_start_time() \
     FROM {es}log l CROSS JOIN LATERAL (SELECT {head} AS position) h";

/// The statements of reading that are always the same.
#[derive(Debug)]
pub(crate) struct Sql {
    pub(crate) head: String,
    families: String,
    reach: String,
    pub(super) families_of: String,
    rarity: String,
    position_at: String,
    pub(super) events: String,
    pub(super) tags: String,
    /// There if the events are in partitions. Then a read also has to say where its events lie
    /// before it looks for them: so that other partitions are left out, and because the server
    /// plans a statement before it looks, and would not see a partition that came in between.
    pub(super) sight: Option<Sight>,
    place_of: Option<String>,
    places_of: Option<String>,
}

impl Sql {
    pub(crate) fn new(names: &Names) -> Self {
        let head = if names.layout().is_separated { HEAD_FOR_SOME } else { HEAD };
        // The head is read by the same statement: no event up to it has a later family.
        let families = "SELECT f.id, f.tenant, f.category, f.type, {head} FROM {es}families f";
        let families_of =
            "SELECT f.id, f.tenant, f.category, f.type FROM {es}families f WHERE f.id = ANY ($1)";
        let rarity = "SELECT count(*) FROM (SELECT 1 FROM {es}tags t \
                      WHERE t.tag = $1 AND t.position >= $2 LIMIT 1000) t";
        // Versions and positions of a stream grow together.
        let places_of = "SELECT (SELECT k.position FROM {keys} k WHERE k.stream = $1 \
                         AND k.version >= $2 ORDER BY k.version LIMIT 1), \
                         (SELECT k.position FROM {keys} k WHERE k.stream = $1 \
                         AND k.version <= $3 ORDER BY k.version DESC LIMIT 1)";
        let is_partitioned = names.layout().is_partitioned;
        Self {
            head: names.sql(head),
            families: names.sql(families),
            reach: names.sql("SELECT {head}"),
            families_of: names.sql(families_of),
            rarity: names.sql(rarity),
            position_at: names.sql("SELECT {es}position_at($1)"),
            events: names.sql("{es}events"),
            tags: names.sql("{es}tags"),
            sight: is_partitioned.then(|| Sight::new(names)),
            place_of: is_partitioned
                .then(|| names.sql("SELECT k.position FROM {keys} k WHERE k.id = $1")),
            places_of: is_partitioned.then(|| names.sql(places_of)),
        }
    }
}

/// How SQL says in which order.
pub(super) const fn order(direction: Direction) -> &'static str {
    match direction {
        Direction::Forward => "ASC",
        Direction::Backward => "DESC",
    }
}
