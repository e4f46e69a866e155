//! Appends that were made before: the same again, or something that only looks like it.

use es_core::{
    AppendRequest, Error, ErrorKind, EventId, IdempotencyClash, LogId, Receipt, Recorded, Result,
    StreamId, Version,
};
use tokio_postgres::Row;

use crate::{
    error::damaged,
    names::Names,
    read::{COLUMNS, read_row},
};

/// Reads the whole append that brought an event, with the names of its families.
pub(super) fn statement(names: &Names) -> String {
    // With partitions, where the event is has to be known before it can be looked up, and a row
    // without an event tells that its partition is out of sight.
    let (tables, id) = match names.layout().is_partitioned {
        true => (
            "{es}keys k LEFT JOIN {es}events b ON b.position = k.position \
             LEFT JOIN {es}keys p ON p.position BETWEEN b.position - b.part \
             AND b.position - b.part + b.parts - 1 \
             LEFT JOIN {es}events e ON e.position = p.position \
             LEFT JOIN {es}families f ON f.id = e.family",
            "k.id",
        ),
        false => (
            "{es}events b JOIN {es}events e ON e.position BETWEEN b.position - b.part \
             AND b.position - b.part + b.parts - 1 \
             JOIN {es}families f ON f.id = e.family",
            "b.id",
        ),
    };
    names.sql(&format!(
        "SELECT {COLUMNS}, f.tenant, f.category, f.type FROM {tables} WHERE {id} = $1 \
         ORDER BY e.position"
    ))
}

/// Whether an event of the append that was looked up lies in a partition that the session does
/// not see.
pub(super) fn is_out_of_sight(rows: &[Row]) -> bool {
    rows.iter().any(|row| row.try_get::<_, Option<i64>>(0).is_ok_and(|position| position.is_none()))
}

/// The first receipt again if `request` is the append that brought `event`, whole and
/// unchanged; else a clash, which names the event that differs or, where the two are
/// different appends, the first one that the log has. Rows of events never change, so it
/// does not matter when they are read.
pub(super) fn answer(
    rows: &[Row],
    log: LogId,
    request: &AppendRequest,
    event: EventId,
) -> Result<Receipt> {
    let old = rows.iter().map(read_row).collect::<Result<Vec<Recorded>>>()?;
    if old.is_empty() {
        let message = "the event id is taken by an event that this role may not see: event ids are \
                       unique in the whole log, so give the event another one";
        return Err(Error::new(ErrorKind::IdempotencyClash, message));
    }
    let is_same_list = old.len() == request.event_count()
        && old
            .iter()
            .zip(request.events())
            .all(|(old, (stream, event))| old.id == event.id && old.stream == *stream);
    let (Some(first), Some(last), true) = (old.first(), old.last(), is_same_list) else {
        let known = old.iter().find(|old| old.id == event);
        let known = known.ok_or_else(|| damaged("an id is taken and not to be found"))?;
        return Err(IdempotencyClash::new(event, known.position).into());
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

/// Each stream's last version. An append writes all events of a stream in one go.
fn versions(recorded: &[Recorded]) -> Vec<(StreamId, Version)> {
    recorded
        .chunk_by(|one, next| one.stream == next.stream)
        .filter_map(<[_]>::last)
        .map(|last| (last.stream.clone(), last.version))
        .collect()
}
