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

/// The statement that writes events, for as long as a transaction: to look it up costs about
/// as much as to run it, and so does binding all of its fifteen values. It keeps what it was
/// given, so only what is not the same as in the row before is bound.
pub(super) struct Insert<'c> {
    connection: &'c Connection,
    statement: CachedStatement<'c>,
    common: Option<Common>,
    /// Whether the last row had any of what most rows have not.
    had_more: bool,
}

/// What the events of an append have in common, mostly.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Common {
    stream: i64,
    family: i64,
    recorded_at: i64,
    schema_version: u32,
    parts: i64,
    /// Where it is not the event's own id.
    correlation: Option<Uuid>,
}

/// What most events have not.
struct More<'e> {
    content_type: Option<&'e str>,
    causation: Option<Uuid>,
    metadata: Option<String>,
    tags: Option<String>,
}

impl<'c> Insert<'c> {
    pub(super) fn new(connection: &'c Connection) -> Result<Self> {
        let statement = connection.prepare_cached(
            "INSERT INTO es_events (position, stream, version, family, recorded_at, id, \
             schema_version, part, parts, payload, content_type, correlation_id, causation_id, \
             metadata, tags) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, \
             ?14, ?15) ON CONFLICT (id) DO NOTHING",
        );
        let statement = statement.map_err(from_driver)?;
        Ok(Self { connection, statement, common: None, had_more: false })
    }

    /// Writes an event; `false` when its id is there already, and then nothing was written.
    pub(super) fn event(&mut self, event: &NewEvent, place: &Place) -> Result<bool> {
        let more = More::of(event)?;
        let bound = self.bind(event, place, &more);
        // What a row that failed left bound is not known.
        let is_written = match bound.and_then(|()| self.statement.raw_execute()) {
            Ok(rows) => rows == 1,
            Err(error) => {
                (self.common, self.had_more) = (None, true);
                return Err(from_driver(error));
            }
        };
        if is_written {
            tag(self.connection, event, place.position).map_err(from_driver)?;
        }
        Ok(is_written)
    }

    fn bind(&mut self, event: &NewEvent, place: &Place, more: &More<'_>) -> rusqlite::Result<()> {
        let row = &mut self.statement;
        let common = Common {
            stream: place.stream,
            family: place.family,
            recorded_at: place.recorded_at,
            schema_version: event.schema.version,
            parts: place.parts,
            correlation: event.metadata.correlation_id().filter(|id| *id != event.id.as_uuid()),
        };
        if self.common.replace(common) != Some(common) {
            row.raw_bind_parameter(2, common.stream)?;
            row.raw_bind_parameter(4, common.family)?;
            row.raw_bind_parameter(5, common.recorded_at)?;
            row.raw_bind_parameter(7, common.schema_version)?;
            row.raw_bind_parameter(9, common.parts)?;
            row.raw_bind_parameter(12, common.correlation.as_ref().map(Uuid::as_bytes))?;
        }
        row.raw_bind_parameter(1, place.position)?;
        row.raw_bind_parameter(3, place.version)?;
        row.raw_bind_parameter(6, event.id.as_uuid().as_bytes())?;
        row.raw_bind_parameter(8, place.part)?;
        row.raw_bind_parameter(10, &event.payload.bytes()[..])?;
        let has_more = more.is_any();
        if has_more || self.had_more {
            row.raw_bind_parameter(11, more.content_type)?;
            row.raw_bind_parameter(13, more.causation.as_ref().map(Uuid::as_bytes))?;
            row.raw_bind_parameter(14, more.metadata.as_deref())?;
            row.raw_bind_parameter(15, more.tags.as_deref())?;
        }
        self.had_more = has_more;
        Ok(())
    }
}

impl<'e> More<'e> {
    fn of(event: &'e NewEvent) -> Result<Self> {
        let content_type = event.payload.content_type();
        let tags = (!event.tags.is_empty()).then(|| {
            let tags: Vec<&str> = event.tags.iter().map(es_core::Tag::as_str).collect();
            tags.join("\n")
        });
        Ok(Self {
            content_type: (*content_type != ContentType::JSON).then(|| content_type.as_str()),
            causation: event.metadata.causation_id(),
            metadata: rest(&event.metadata)?,
            tags,
        })
    }

    const fn is_any(&self) -> bool {
        self.content_type.is_some()
            || self.causation.is_some()
            || self.metadata.is_some()
            || self.tags.is_some()
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
