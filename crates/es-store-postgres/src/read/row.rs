//! From a row to an envelope.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use es_core::{
    BoxError, ContentType, Envelope, EventId, Key, Metadata, NewEvent, Payload, Position, Recorded,
    Result, Schema, StreamId, Tag, Tags, Timestamp, Version,
};
use tokio_postgres::{
    Row,
    types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked},
};
use uuid::Uuid;

use super::families::Family;
use crate::error::damaged;

/// The columns of an event, in the order in which [`recorded`] reads them.
pub(crate) const COLUMNS: &str = "e.position, e.stream, e.version, e.recorded_at, e.id, e.family, \
     e.schema_version, e.key, e.payload, e.content_type, e.correlation_id, e.causation_id, \
     e.metadata, e.tags";

/// Where the columns of the family are in a row that has them.
const FAMILY: usize = 14;

/// The places of an event, which are read before anything is made of it.
pub(super) fn places(row: &Row) -> Result<(i64, i64, i64), tokio_postgres::Error> {
    Ok((row.try_get(0)?, row.try_get(2)?, row.try_get(5)?))
}

/// The event in a row that has the names of its family behind it.
pub(crate) fn read_row(row: &Row) -> Result<Recorded> {
    recorded(row, &Family::of(row, FAMILY)?, &mut None)
}

/// The event in `row`. `last` is the stream of the last one: events of one stream come
/// together, and share its name.
pub(super) fn recorded(
    row: &Row,
    family: &Family,
    last: &mut Option<(Uuid, StreamId)>,
) -> Result<Recorded> {
    let stream = stream(row, family, last)?;
    let read = || -> Result<(NewEvent, Place), BoxError> {
        let id: Uuid = row.try_get(4)?;
        let content_type = match row.try_get::<_, Option<&str>>(9)? {
            None => ContentType::JSON,
            Some(text) => ContentType::new(text)?,
        };
        let schema =
            Schema::new(family.event_type.clone(), u32::try_from(row.try_get::<_, i64>(6)?)?);
        let payload = Payload::stored(content_type, Bytes::copy_from_slice(row.try_get(8)?));
        let mut event = NewEvent::known(EventId::from_uuid(id), schema, payload);
        event.metadata = metadata(row, id)?;
        if let Some(tags) = row.try_get::<_, Option<Vec<&str>>>(13)? {
            event.tags = tags.into_iter().map(str::parse::<Tag>).collect::<Result<Tags>>()?;
        }
        let place = (row.try_get(2)?, row.try_get(0)?, row.try_get(3)?);
        Ok((event, place))
    };
    let (event, (version, position, at)) = read().map_err(damaged)?;
    let version = Version::new(unsigned(version)?)?;
    let position = Position::new(unsigned(position)?);
    Ok(Recorded::new(Arc::new(Envelope::record(event, stream, version, position, at.into()))))
}

type Place = (i64, i64, Micros);

fn stream(row: &Row, family: &Family, last: &mut Option<(Uuid, StreamId)>) -> Result<StreamId> {
    let number: Uuid = row.try_get(1).map_err(damaged)?;
    match last {
        Some((same, stream)) if *same == number => return Ok(stream.clone()),
        _ => {}
    }
    let key = Key::new(row.try_get::<_, &str>(7).map_err(damaged)?).map_err(damaged)?;
    let plain = StreamId::of(family.category.clone(), key);
    let stream = match &family.tenant {
        Some(tenant) => plain.with_tenant(tenant.clone()),
        None => plain,
    };
    *last = Some((number, stream.clone()));
    Ok(stream)
}

fn metadata(row: &Row, id: Uuid) -> Result<Metadata, tokio_postgres::Error> {
    let metadata = match row.try_get::<_, Option<Written>>(12)? {
        None => Metadata::new(),
        Some(Written(metadata)) => metadata,
    };
    let metadata = metadata.with_correlation_id(row.try_get::<_, Option<Uuid>>(10)?.unwrap_or(id));
    Ok(match row.try_get::<_, Option<Uuid>>(11)? {
        Some(cause) => metadata.with_causation_id(cause),
        None => metadata,
    })
}

/// Metadata as it is written: JSON.
struct Written(Metadata);

impl<'a> FromSql<'a> for Written {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, BoxError> {
        Ok(Self(serde_json::from_slice(raw)?))
    }

    accepts!(JSON);
}

/// A moment as PostgreSQL sends it: microseconds since the year 2000.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Micros(i64);

const YEAR_2000: i64 = 946_684_800_000_000;

impl<'a> FromSql<'a> for Micros {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, BoxError> {
        Ok(Self(i64::from_be_bytes(raw.try_into()?)))
    }

    accepts!(TIMESTAMPTZ);
}

impl From<Micros> for Timestamp {
    fn from(micros: Micros) -> Self {
        Self::from_micros(micros.0.saturating_add(YEAR_2000))
    }
}

impl From<Timestamp> for Micros {
    fn from(moment: Timestamp) -> Self {
        Self(moment.as_micros().saturating_sub(YEAR_2000))
    }
}

impl ToSql for Micros {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        // What lies beyond PostgreSQL's calendar (4713 BC to 294276) is its nearest end.
        let micros = self.0.clamp(-210_000_000_000_000_000, 9_223_371_331_199_999_999);
        out.extend_from_slice(&micros.to_be_bytes());
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

/// Places are written as signed integers and are never negative.
pub(crate) fn unsigned(number: i64) -> Result<u64> {
    u64::try_from(number).map_err(damaged)
}
