//! Appends that were made before: the same again, or something that only looks like it.

use es_core::{
    AppendRequest, Error, EventId, IdempotencyClash, LogId, Position, Receipt, Recorded, Result,
    StreamId, Version,
};
use rusqlite::{Connection, OptionalExtension};

use crate::{
    error::from_driver,
    read::{Columns, Names, Place, STREAM, recorded, unsigned},
};

/// The first event of an append that the log has already.
pub(super) struct Earlier {
    event: EventId,
    position: i64,
    part: i64,
    parts: i64,
}

/// Whether the log has any event of the append already.
pub(super) fn find(connection: &Connection, request: &AppendRequest) -> Result<Option<Earlier>> {
    let mut statement = connection
        .prepare_cached("SELECT position, part, parts FROM es_events WHERE id = ?1")
        .map_err(from_driver)?;
    for (_, event) in request.events() {
        let found = statement
            .query_row([event.id.as_uuid().as_bytes()], |row| {
                let (position, part, parts) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(Earlier { event: event.id, position, part, parts })
            })
            .optional()
            .map_err(from_driver)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The first receipt again if `request` is that append, whole and unchanged; else a clash,
/// which names the event that differs or, where the two are different appends, the first
/// one that the log has.
pub(super) fn answer(
    connection: &Connection,
    names: &mut Names,
    log: LogId,
    request: &AppendRequest,
    earlier: &Earlier,
) -> Result<Receipt> {
    let old = whole(connection, names, earlier)?;
    let is_same_list = old.len() == request.event_count()
        && old
            .iter()
            .zip(request.events())
            .all(|(old, (stream, event))| old.id == event.id && old.stream == *stream);
    let (Some(first), Some(last), true) = (old.first(), old.last(), is_same_list) else {
        let position = Position::new(unsigned(earlier.position)?);
        return Err(IdempotencyClash::new(earlier.event, position).into());
    };
    let changed = old
        .iter()
        .zip(request.events())
        .find(|(old, (_, event))| !event.same_content(&old.schema, &old.payload, &old.tags));
    if let Some((old, _)) = changed {
        return Err(Error::from(IdempotencyClash::new(old.id, old.position)));
    }
    let (first_at, last_at, time) = (first.position, last.position, first.recorded_at);
    Ok(Receipt::new(log, first_at, last_at, time, versions(&old)).as_replay())
}

/// All events of the append that brought an event.
fn whole(connection: &Connection, names: &mut Names, earlier: &Earlier) -> Result<Vec<Recorded>> {
    let first = earlier.position - earlier.part;
    let columns = Columns::All.sql();
    let sql = format!(
        "SELECT {columns} FROM es_events WHERE position BETWEEN ?1 AND ?2 ORDER BY position"
    );
    let mut statement = connection.prepare_cached(&sql).map_err(from_driver)?;
    let mut rows = statement.query((first, first + earlier.parts - 1)).map_err(from_driver)?;
    let mut events = Vec::new();
    while let Some(row) = rows.next().map_err(from_driver)? {
        let stream = names.stream(connection, row.get(STREAM).map_err(from_driver)?)?;
        let place = Place::of(row).map_err(from_driver)?;
        // Metadata is not compared, so it need not be readable.
        let (event, _) = recorded(row, &place, stream, names, connection)?;
        events.push(event);
    }
    Ok(events)
}

/// Each stream's last version. An append writes all events of a stream in one go.
fn versions(recorded: &[Recorded]) -> Vec<(StreamId, Version)> {
    recorded
        .chunk_by(|one, next| one.stream == next.stream)
        .filter_map(<[_]>::last)
        .map(|last| (last.stream.clone(), last.version))
        .collect()
}
