//! The rows of one append.

use es_core::{AppendRequest, ContentType, Metadata, NewEvent, Result};
use rusqlite::{CachedStatement, Connection};
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

/// The statement that writes events, for as many as an append has: to look it up costs about
/// as much as to run it.
pub(super) struct Insert<'c> {
    connection: &'c Connection,
    statement: CachedStatement<'c>,
}

impl<'c> Insert<'c> {
    pub(super) fn new(connection: &'c Connection) -> Result<Self> {
        let statement = connection.prepare_cached(
            "INSERT INTO es_events (position, stream, version, family, recorded_at, id, \
             schema_version, part, parts, payload, content_type, correlation_id, causation_id, \
             metadata, tags) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, \
             ?14, ?15) ON CONFLICT (id) DO NOTHING",
        );
        Ok(Self { connection, statement: statement.map_err(from_driver)? })
    }

    /// Writes an event; `false` when its id is there already, and then nothing was written.
    pub(super) fn event(&mut self, event: &NewEvent, place: &Place) -> Result<bool> {
        let content_type = event.payload.content_type();
        let content_type = (*content_type != ContentType::JSON).then(|| content_type.as_str());
        let correlation = event.metadata.correlation_id().filter(|id| *id != event.id.as_uuid());
        let tags = (!event.tags.is_empty()).then(|| {
            let tags: Vec<&str> = event.tags.iter().map(es_core::Tag::as_str).collect();
            tags.join("\n")
        });
        let metadata = rest(&event.metadata)?;
        let written = self.statement.execute(rusqlite::params![
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
        ]);
        let is_written = written.map_err(from_driver)? == 1;
        if is_written {
            tag(self.connection, event, place.position).map_err(from_driver)?;
        }
        Ok(is_written)
    }
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
    if metadata
        .correlation_id()
        .is_some_and(|id| *metadata == Metadata::new().with_correlation_id(id))
    {
        return Ok(None);
    }
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
