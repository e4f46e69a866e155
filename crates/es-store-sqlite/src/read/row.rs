//! From a row to an envelope, in two steps: what is taken out of SQLite, and what is made of
//! it.
//!
//! *Hazard.* Memory that one thread asks for and another gives back costs both of them a lock
//! of the allocator, and a name that two threads count together passes to and fro between
//! their caches: an envelope made by the thread that reads and dropped by the one that folds
//! costs twice what it is worth. *Mechanism.* The thread that reads fills a few buffers for a
//! whole page; the envelopes are made where they are used. *Cost.* Each payload is copied
//! twice, which is the cheaper part by far.

use bytes::Bytes;
use es_core::{
    ContentType, Envelope, Error, EventId, EventType, Metadata, NewEvent, Payload, Position,
    Recorded, Result, Schema, StreamId, Tag, Tags, Timestamp, Version,
};
use rusqlite::{Connection, Row};
use uuid::Uuid;

use super::names::Names;
use crate::error::{damaged, from_driver};

/// What is read of an event. The places of the columns are the same as far as both have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Columns {
    /// All that an envelope needs, in the order in which [`Raw::of`] reads them.
    All,
    /// What a fold needs.
    Fold,
}

impl Columns {
    pub(crate) const fn sql(self) -> &'static str {
        match self {
            Self::All => {
                "position, version, family, id, schema_version, payload, content_type, stream, \
                 recorded_at, correlation_id, causation_id, metadata, tags"
            }
            Self::Fold => "position, version, family, id, schema_version, payload, content_type",
        }
    }
}

/// The column with the number of the stream.
pub(crate) const STREAM: usize = 7;

/// What decides whether a row is wanted; read before the rest.
pub(crate) struct Place {
    pub(super) position: i64,
    pub(super) version: i64,
    pub(super) family: i64,
}

impl Place {
    pub(crate) fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { position: row.get(0)?, version: row.get(1)?, family: row.get(2)? })
    }
}

/// What a row holds besides its payload and its names.
pub(super) struct Raw {
    id: EventId,
    version: Version,
    position: Position,
    recorded_at: Timestamp,
    schema_version: u32,
    metadata: Metadata,
    more: Option<Box<More>>,
}

/// What few rows hold.
struct More {
    content_type: ContentType,
    tags: Tags,
    /// Why the metadata is not what was written.
    unreadable: Option<serde_json::Error>,
}

impl Raw {
    pub(super) fn of(row: &Row<'_>, place: &Place) -> Result<Self> {
        let id = id(row)?;
        let (metadata, unreadable) = metadata(row, id)?;
        Ok(Self {
            id: EventId::from_uuid(id),
            version: Version::new(unsigned(place.version)?)?,
            position: Position::new(unsigned(place.position)?),
            recorded_at: Timestamp::from_micros(row.get(8).map_err(from_driver)?),
            schema_version: schema_version(row)?,
            metadata,
            more: more(row, unreadable)?,
        })
    }

    /// The event, and what is wrong with it if its metadata cannot be read: then it has none but
    /// the two ids.
    pub(super) fn event(
        self,
        stream: StreamId,
        name: EventType,
        payload: &[u8],
    ) -> (Recorded, Option<Error>) {
        let payload = Bytes::copy_from_slice(payload);
        let schema = Schema::new(name, self.schema_version);
        let (content_type, tags, unreadable) = match self.more {
            None => (ContentType::JSON, Tags::NONE, None),
            Some(more) => (more.content_type, more.tags, more.unreadable),
        };
        let mut event = NewEvent::known(self.id, schema, Payload::stored(content_type, payload));
        (event.metadata, event.tags) = (self.metadata, tags);
        let (version, position) = (self.version, self.position);
        let event = Envelope::record(event, stream, version, position, self.recorded_at);
        let error = unreadable.map(|error| {
            let why = format!("its metadata cannot be read: {error}");
            Error::undecodable(&event.schema, why).at_event(&event)
        });
        (Recorded::from(event), error)
    }
}

pub(super) fn id(row: &Row<'_>) -> Result<Uuid> {
    Ok(Uuid::from_bytes(row.get(3).map_err(from_driver)?))
}

pub(super) fn schema_version(row: &Row<'_>) -> Result<u32> {
    row.get(4).map_err(from_driver)
}

pub(super) fn content_type(row: &Row<'_>) -> Result<ContentType> {
    match text(row, 6)? {
        None => Ok(ContentType::JSON),
        Some(text) => ContentType::new(text).map_err(damaged),
    }
}

/// The payload of a row.
pub(super) fn payload<'a>(row: &'a Row<'_>) -> Result<&'a [u8]> {
    let payload = row.get_ref(5).map_err(from_driver)?;
    payload.as_blob().map_err(|error| from_driver(error.into()))
}

/// The event of `stream` in `row`, and nothing that it borrows; as [`Raw::event`] gives it.
pub(crate) fn recorded(
    row: &Row<'_>,
    place: &Place,
    stream: StreamId,
    names: &mut Names,
    connection: &Connection,
) -> Result<(Recorded, Option<Error>)> {
    let name = names.event_type(connection, place.family)?;
    Ok(Raw::of(row, place)?.event(stream, name, payload(row)?))
}

/// Most events have no metadata but a correlation, for which nothing is allocated.
fn metadata(row: &Row<'_>, id: Uuid) -> Result<(Metadata, Option<serde_json::Error>)> {
    let uuid = |at: usize| -> Result<Option<Uuid>> {
        Ok(row.get::<_, Option<[u8; 16]>>(at).map_err(from_driver)?.map(Uuid::from_bytes))
    };
    let (metadata, unreadable) = match text(row, 11)?.map(serde_json::from_str::<Metadata>) {
        None => (Metadata::new(), None),
        Some(Ok(metadata)) => (metadata, None),
        Some(Err(error)) => (Metadata::new(), Some(error)),
    };
    let metadata = metadata.with_correlation_id(uuid(9)?.unwrap_or(id));
    let metadata = match uuid(10)? {
        None => metadata,
        Some(cause) => metadata.with_causation_id(cause),
    };
    Ok((metadata, unreadable))
}

/// What is in the columns that are empty as a rule.
fn more(row: &Row<'_>, unreadable: Option<serde_json::Error>) -> Result<Option<Box<More>>> {
    let (content_type, tags) = (content_type(row)?, text(row, 12)?);
    if content_type == ContentType::JSON && tags.is_none() && unreadable.is_none() {
        return Ok(None);
    }
    let tags = match tags {
        None => Tags::default(),
        Some(tags) => {
            tags.lines().map(str::parse::<Tag>).collect::<Result<_>>().map_err(damaged)?
        }
    };
    Ok(Some(Box::new(More { content_type, tags, unreadable })))
}

fn text<'a>(row: &'a Row<'_>, at: usize) -> Result<Option<&'a str>> {
    let value = row.get_ref(at).map_err(from_driver)?;
    value.as_str_or_null().map_err(|error| from_driver(error.into()))
}

/// Places are written as SQLite's signed integers and are never negative.
pub(crate) fn unsigned(number: i64) -> Result<u64> {
    u64::try_from(number).map_err(damaged)
}

/// A bound that SQLite can compare with; beyond its integers nothing lies.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
