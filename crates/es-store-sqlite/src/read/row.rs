//! From a row to an envelope.

use bytes::Bytes;
use es_core::{
    ContentType, Envelope, EventId, Metadata, NewEvent, Payload, Position, Recorded, Result,
    Schema, StreamId, Tag, Tags, Timestamp, Version,
};
use rusqlite::{Connection, Row};
use uuid::Uuid;

use super::names::Names;
use crate::error::{damaged, from_driver};

/// The columns of an event, in the order in which [`recorded`] reads them.
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

/// The event of `stream` in `row`, and nothing that it borrows.
pub(crate) fn recorded(
    row: &Row<'_>,
    place: &Place,
    stream: StreamId,
    names: &mut Names,
    connection: &Connection,
) -> Result<Recorded> {
    let raw = Raw::of(row).map_err(from_driver)?;
    let id = EventId::from_uuid(raw.id);
    let name = names.event_type(connection, place.family)?;
    let content_type = match raw.content_type {
        None => ContentType::JSON,
        Some(text) => ContentType::new(text).map_err(damaged)?,
    };
    let payload = Payload::stored(content_type, Bytes::copy_from_slice(raw.payload));
    let mut event = NewEvent::known(id, Schema::new(name, raw.schema_version), payload);
    event.metadata = metadata(&raw)?;
    if let Some(tags) = raw.tags {
        event.tags =
            tags.lines().map(str::parse::<Tag>).collect::<Result<Tags>>().map_err(damaged)?;
    }
    Ok(Recorded::from(Envelope::record(
        event,
        stream,
        Version::new(unsigned(place.version)?)?,
        Position::new(unsigned(place.position)?),
        Timestamp::from_micros(raw.recorded_at),
    )))
}

/// The other columns as SQLite has them.
struct Raw<'a> {
    recorded_at: i64,
    id: Uuid,
    schema_version: u32,
    payload: &'a [u8],
    content_type: Option<&'a str>,
    correlation_id: Option<Uuid>,
    causation_id: Option<Uuid>,
    metadata: Option<&'a str>,
    tags: Option<&'a str>,
}

impl<'a> Raw<'a> {
    fn of(row: &'a Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            recorded_at: row.get(4)?,
            id: Uuid::from_bytes(row.get(5)?),
            schema_version: row.get(6)?,
            payload: row.get_ref(7)?.as_blob()?,
            content_type: row.get_ref(8)?.as_str_or_null()?,
            correlation_id: row.get::<_, Option<[u8; 16]>>(9)?.map(Uuid::from_bytes),
            causation_id: row.get::<_, Option<[u8; 16]>>(10)?.map(Uuid::from_bytes),
            metadata: row.get_ref(11)?.as_str_or_null()?,
            tags: row.get_ref(12)?.as_str_or_null()?,
        })
    }
}

fn metadata(raw: &Raw<'_>) -> Result<Metadata> {
    let mut metadata = match raw.metadata {
        None => Metadata::new(),
        Some(json) => serde_json::from_str(json).map_err(damaged)?,
    };
    metadata = metadata.with_correlation_id(raw.correlation_id.unwrap_or(raw.id));
    if let Some(cause) = raw.causation_id {
        metadata = metadata.with_causation_id(cause);
    }
    Ok(metadata)
}

/// Places are written as SQLite's signed integers and are never negative.
pub(crate) fn unsigned(number: i64) -> Result<u64> {
    u64::try_from(number).map_err(damaged)
}

/// A bound that SQLite can compare with; beyond its integers nothing lies.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
