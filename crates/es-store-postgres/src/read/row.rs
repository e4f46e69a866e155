//! From a row to an envelope.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use es_core::{
    BareEvent, BareEvents, BoxError, ContentType, Envelope, Error, EventId, Key, Metadata,
    NewEvent, Payload, Position, Recorded, Result, Schema, StreamId, Tag, Tags, Timestamp, Version,
};
use tokio_postgres::{
    Row,
    types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked},
};
use uuid::Uuid;

use super::{families::Family, plan::Fails};
use crate::error::damaged;

/// The columns of an event, in the order in which [`recorded`] reads them.
pub(crate) const COLUMNS: &str = "e.position, e.version, e.family, e.id, e.schema_version, \
     e.payload, e.content_type, e.key, e.recorded_at, e.correlation_id, e.causation_id, \
     e.metadata, e.tags";

/// Those of them that a fold needs, in the same places.
pub(super) const FOLD_COLUMNS: &str =
    "e.position, e.version, e.family, e.id, e.schema_version, e.payload, e.content_type";

/// Where the columns of the family are in a row that has them.
const FAMILY: usize = 13;

/// The numbers of an event that are read before anything is made of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    pub(super) position: i64,
    pub(super) version: i64,
    pub(super) family: i64,
}

impl Places {
    pub(super) fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            position: row.try_get::<_, Place>(0)?.0,
            version: row.try_get::<_, Place>(1)?.0,
            family: row.try_get::<_, Place>(2)?.0,
        })
    }
}

/// How large the payload in a row is.
pub(super) fn payload_bytes(row: &Row) -> Result<usize, Fails> {
    row.try_get::<_, Raw<'_>>(5).map(|Raw(payload)| payload.len()).map_err(Fails::Driver)
}

/// Eight bytes, whatever they stand for: the types of our own columns need no check for each
/// event.
struct Place(i64);

impl<'a> FromSql<'a> for Place {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, BoxError> {
        Ok(Self(i64::from_be_bytes(raw.try_into()?)))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The bytes of a column, likewise.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, BoxError> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl Raw<'_> {
    fn uuid(&self) -> Result<Uuid, BoxError> {
        Ok(Uuid::from_bytes(self.0.try_into()?))
    }
}

/// The event in a row that has the names of its family behind it.
pub(crate) fn read_row(row: &Row) -> Result<Recorded> {
    let places = Places::of(row).map_err(damaged)?;
    recorded(row, places, &Family::of(row, FAMILY)?, &mut None)
}

/// The event in `row`. `last` is the stream of the last one: events of one stream come
/// together, and share its name.
pub(super) fn recorded(
    row: &Row,
    places: Places,
    family: &Family,
    last: &mut Option<StreamId>,
) -> Result<Recorded> {
    let stream = stream(row, family, last)?;
    let read = || -> Result<Result<Recorded>, BoxError> {
        let id = row.try_get::<_, Raw<'_>>(3)?.uuid()?;
        let payload = Bytes::copy_from_slice(row.try_get::<_, Raw<'_>>(5)?.0);
        let payload = Payload::stored(content_type(row)?, payload);
        let mut event = NewEvent::known(EventId::from_uuid(id), schema(row, family)?, payload);
        let (metadata, spoilt) = match metadata(row, id) {
            Ok(metadata) => (metadata, None),
            Err(error) => (Metadata::new(), Some(error)),
        };
        event.metadata = metadata;
        if row.try_get::<_, Option<Raw<'_>>>(12)?.is_some() {
            let tags: Vec<&str> = row.try_get(12)?;
            event.tags = tags.into_iter().map(str::parse::<Tag>).collect::<Result<Tags>>()?;
        }
        let position = Position::new(unsigned(places.position)?);
        let version = Version::new(unsigned(places.version)?)?;
        let at = Timestamp::from(Micros(row.try_get::<_, Place>(8)?.0));
        let envelope = Envelope::record(event, stream, version, position, at);
        if let Some(error) = spoilt {
            let what = format!("its metadata: {error}");
            return Ok(Err(Error::undecodable(&envelope.schema, what).at_event(&envelope)));
        }
        Ok(Ok(Recorded::new(Arc::new(envelope))))
    };
    read().map_err(damaged)?
}

/// Adds what a fold needs of the event in `row`.
pub(super) fn push(
    events: &mut BareEvents,
    row: &Row,
    places: Places,
    family: &Family,
) -> Result<()> {
    let read = || -> Result<_, BoxError> {
        let event = BareEvent::new(
            EventId::from_uuid(row.try_get::<_, Raw<'_>>(3)?.uuid()?),
            Version::new(unsigned(places.version)?)?,
            Position::new(unsigned(places.position)?),
            schema(row, family)?,
            Payload::stored(content_type(row)?, Bytes::new()),
        );
        Ok((event, row.try_get::<_, Raw<'_>>(5)?))
    };
    let (event, Raw(payload)) = read().map_err(damaged)?;
    events.push(event, payload);
    Ok(())
}

fn schema(row: &Row, family: &Family) -> Result<Schema, BoxError> {
    let version = u32::try_from(row.try_get::<_, Place>(4)?.0)?;
    Ok(Schema::new(family.event_type.clone(), version))
}

fn content_type(row: &Row) -> Result<ContentType, BoxError> {
    Ok(match row.try_get::<_, Option<Raw<'_>>>(6)? {
        None => ContentType::JSON,
        Some(Raw(text)) => ContentType::new(std::str::from_utf8(text)?)?,
    })
}

fn stream(row: &Row, family: &Family, last: &mut Option<StreamId>) -> Result<StreamId> {
    let Raw(key) = row.try_get(7).map_err(damaged)?;
    if let Some(last) = last
        && last.key().as_str().as_bytes() == key
        && *last.category() == family.category
        && last.tenant() == family.tenant.as_ref()
    {
        return Ok(last.clone());
    }
    let key = Key::new(std::str::from_utf8(key).map_err(damaged)?).map_err(damaged)?;
    let plain = StreamId::of(family.category.clone(), key);
    let stream = match &family.tenant {
        Some(tenant) => plain.with_tenant(tenant.clone()),
        None => plain,
    };
    *last = Some(stream.clone());
    Ok(stream)
}

fn metadata(row: &Row, id: Uuid) -> Result<Metadata, BoxError> {
    let metadata = match row.try_get::<_, Option<Raw<'_>>>(11)? {
        None => Metadata::new(),
        Some(Raw(json)) => serde_json::from_slice(json)?,
    };
    let correlation = match row.try_get::<_, Option<Raw<'_>>>(9)? {
        Some(correlation) => correlation.uuid()?,
        None => id,
    };
    let metadata = metadata.with_correlation_id(correlation);
    Ok(match row.try_get::<_, Option<Raw<'_>>>(10)? {
        Some(cause) => metadata.with_causation_id(cause.uuid()?),
        None => metadata,
    })
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
