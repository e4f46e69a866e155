//! What a fold needs of a row.

use bytes::Bytes;
use es_core::{BareEvent, BareEvents, EventId, Payload, Position, Result, Schema, Version};
use rusqlite::{Connection, Row};

use super::{
    names::Names,
    row::{Place, content_type, id, payload, schema_version, unsigned},
};

/// Adds the event in `row`.
pub(super) fn push(
    events: &mut BareEvents,
    row: &Row<'_>,
    place: &Place,
    names: &mut Names,
    connection: &Connection,
) -> Result<()> {
    let name = names.event_type(connection, place.family)?;
    let event = BareEvent::new(
        EventId::from_uuid(id(row)?),
        Version::new(unsigned(place.version)?)?,
        Position::new(unsigned(place.position)?),
        Schema::new(name, schema_version(row)?),
        Payload::stored(content_type(row)?, Bytes::new()),
    );
    events.push(event, payload(row)?);
    Ok(())
}
