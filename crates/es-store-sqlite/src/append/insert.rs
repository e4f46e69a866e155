//! The rows of one append.

use es_core::{AppendRequest, ContentType, Metadata, NewEvent, Result};
use rusqlite::Connection;
use uuid::Uuid;

use crate::error::{damaged, from_driver};

/// Where an event goes.
pub(super) struct Place {
    pub(super) position: i64,
    pub(super) stream: i64,
    pub(super) version: i64,
    pub(super) family: i64,
    pub(super) recorded_at: i64,
    pub(super) part: i64,
    pub(super) parts: i64,
}

/// Writes an event; `false` when its id is there already, and then nothing was written.
pub(super) fn event(connection: &Connection, event: &NewEvent, place: &Place) -> Result<bool> {
    let content_type = event.payload.content_type();
    let content_type = (*content_type != ContentType::JSON).then(|| content_type.as_str());
    let correlation = event.metadata.correlation_id().filter(|id| *id != event.id.as_uuid());
    let tags = (!event.tags.is_empty()).then(|| {
        let tags: Vec<&str> = event.tags.iter().map(es_core::Tag::as_str).collect();
        tags.join("\n")
    });
    let metadata = rest(&event.metadata)?;
    let insert = || -> rusqlite::Result<usize> {
        let mut statement = connection.prepare_cached(
            "INSERT INTO es_events (position, stream, version, family, recorded_at, id, \
             schema_version, part, parts, payload, content_type, correlation_id, causation_id, \
             metadata, tags) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, \
             ?14, ?15) ON CONFLICT (id) DO NOTHING",
        )?;
        statement.execute(rusqlite::params![
            place.position,
            place.stream,
            place.version,
            place.family,
            place.recorded_at,
            event.id.as_uuid().as_bytes(),
            event.schema.version,
            place.part,
            place.parts,
            &event.payload.bytes()[..],
            content_type,
            correlation.as_ref().map(Uuid::as_bytes),
            event.metadata.causation_id().as_ref().map(Uuid::as_bytes),
            metadata,
            tags,
        ])
    };
    let written = insert().map_err(from_driver)? == 1;
    if written {
        tag(connection, event, place.position).map_err(from_driver)?;
    }
    Ok(written)
}

fn tag(connection: &Connection, event: &NewEvent, position: i64) -> rusqlite::Result<()> {
    for tag in &event.tags {
        connection
            .prepare_cached("INSERT INTO es_tags (tag, position) VALUES (?1, ?2)")?
            .execute((tag.as_str(), position))?;
    }
    Ok(())
}

/// The metadata besides the two ids, which have columns of their own; mostly nothing.
fn rest(metadata: &Metadata) -> Result<Option<String>> {
    let rest = metadata.clone().with_correlation_id(Uuid::nil()).with_causation_id(Uuid::nil());
    if rest == Metadata::new() {
        return Ok(None);
    }
    serde_json::to_string(&rest).map(Some).map_err(damaged)
}

/// Whether one statement writes the whole append, so that it needs no savepoint.
pub(super) fn is_one_row(request: &AppendRequest) -> bool {
    request.event_count() == 1 && request.events().all(|(_, event)| event.tags.is_empty())
}
