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
    ContentType, Envelope, EventId, EventType, Metadata, NewEvent, Payload, Position, Recorded,
    Result, Schema, StreamId, Tag, Tags, Timestamp, Version,
};
use rusqlite::{Connection, Row};
use uuid::Uuid;

use super::names::Names;
use crate::error::{damaged, from_driver};

/// The columns of an event, in the order in which [`Raw::of`] reads them.
macro_rules! columns {
    () => {
        "position, stream, version, family, recorded_at, id, schema_version, payload, \
         content_type, correlation_id, causation_id, metadata, tags"
    };
}
pub(crate) use columns;

/// The column with the number of the stream.
pub(crate) const STREAM: usize = 1;

/// What decides whether a row is wanted; read before the rest.
pub(crate) struct Place {
    pub(super) position: i64,
    pub(super) version: i64,
    pub(super) family: i64,
}

impl Place {
    pub(crate) fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { position: row.get(0)?, version: row.get(2)?, family: row.get(3)? })
    }
}

/// What a row holds besides its payload and its names.
pub(super) struct Raw {
    id: EventId,
    version: Version,
    position: Position,
    recorded_at: Timestamp,
    schema_version: u32,
    more: Option<Box<More>>,
}

/// What few rows hold.
struct More {
    content_type: ContentType,
    metadata: Metadata,
    tags: Tags,
}

impl Raw {
    pub(super) fn of(row: &Row<'_>, place: &Place) -> Result<Self> {
        let id = Uuid::from_bytes(row.get(5).map_err(from_driver)?);
        Ok(Self {
            id: EventId::from_uuid(id),
            version: Version::new(unsigned(place.version)?)?,
            position: Position::new(unsigned(place.position)?),
            recorded_at: Timestamp::from_micros(row.get(4).map_err(from_driver)?),
            schema_version: row.get(6).map_err(from_driver)?,
            more: more(row, id)?,
        })
    }

    /// The event.
    pub(super) fn event(self, stream: StreamId, name: EventType, payload: &[u8]) -> Recorded {
        let payload = Bytes::copy_from_slice(payload);
        let schema = Schema::new(name, self.schema_version);
        let event = match self.more {
            None => {
                let payload = Payload::stored(ContentType::JSON, payload);
                let mut event = NewEvent::known(self.id, schema, payload);
                event.metadata = Metadata::new().with_correlation_id(self.id.as_uuid());
                event
            }
            Some(more) => {
                let More { content_type, metadata, tags } = *more;
                let payload = Payload::stored(content_type, payload);
                let mut event = NewEvent::known(self.id, schema, payload);
                (event.metadata, event.tags) = (metadata, tags);
                event
            }
        };
        let (version, position) = (self.version, self.position);
        Recorded::from(Envelope::record(event, stream, version, position, self.recorded_at))
    }
}

/// The payload of a row.
pub(super) fn payload<'a>(row: &'a Row<'_>) -> Result<&'a [u8]> {
    let payload = row.get_ref(7).map_err(from_driver)?;
    payload.as_blob().map_err(|error| from_driver(error.into()))
}

/// The event of `stream` in `row`, and nothing that it borrows.
pub(crate) fn recorded(
    row: &Row<'_>,
    place: &Place,
    stream: StreamId,
    names: &mut Names,
    connection: &Connection,
) -> Result<Recorded> {
    let name = names.event_type(connection, place.family)?;
    Ok(Raw::of(row, place)?.event(stream, name, payload(row)?))
}

/// What is in the columns that are empty as a rule.
fn more(row: &Row<'_>, id: Uuid) -> Result<Option<Box<More>>> {
    let text =
        |at: usize| -> rusqlite::Result<Option<&str>> { Ok(row.get_ref(at)?.as_str_or_null()?) };
    let uuid = |at: usize| -> rusqlite::Result<Option<Uuid>> {
        Ok(row.get::<_, Option<[u8; 16]>>(at)?.map(Uuid::from_bytes))
    };
    let read = || Ok((text(8)?, uuid(9)?, uuid(10)?, text(11)?, text(12)?));
    let (content_type, correlation_id, causation_id, metadata, tags) =
        read().map_err(from_driver)?;
    if (content_type, correlation_id, causation_id, metadata, tags) == Default::default() {
        return Ok(None);
    }
    let content_type = match content_type {
        None => ContentType::JSON,
        Some(text) => ContentType::new(text).map_err(damaged)?,
    };
    let mut metadata: Metadata = match metadata {
        None => Metadata::new(),
        Some(json) => serde_json::from_str(json).map_err(damaged)?,
    };
    metadata = metadata.with_correlation_id(correlation_id.unwrap_or(id));
    if let Some(cause) = causation_id {
        metadata = metadata.with_causation_id(cause);
    }
    let tags = match tags {
        None => Tags::default(),
        Some(tags) => {
            tags.lines().map(str::parse::<Tag>).collect::<Result<_>>().map_err(damaged)?
        }
    };
    Ok(Some(Box::new(More { content_type, metadata, tags })))
}

/// Places are written as SQLite's signed integers and are never negative.
pub(crate) fn unsigned(number: i64) -> Result<u64> {
    u64::try_from(number).map_err(damaged)
}

/// A bound that SQLite can compare with; beyond its integers nothing lies.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
