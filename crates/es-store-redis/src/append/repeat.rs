//! Appends that were made before: the same again, or something that only looks like it.

use es_core::{
    AppendRequest, Error, EventId, IdempotencyClash, LogId, Position, Receipt, Recorded, Result,
    StreamId, Version,
};

use crate::read::Source;

/// The first receipt again if `request` is the append that brought `event`, whole and
/// unchanged; else a clash, which names the event that differs or, where the two are
/// different appends, the event that is known. What a log has never changes, so it does not
/// matter when it is read.
pub(super) async fn answer(
    source: &Source,
    log: LogId,
    request: &AppendRequest,
    event: EventId,
    position: Position,
) -> Result<Receipt> {
    let clash = || Error::from(IdempotencyClash::new(event, position));
    let entry = source.entry_with(position).await?;
    let is_same_list = entry.parts.len() == request.streams().len()
        && entry.parts.iter().zip(request.streams()).all(|(part, write)| {
            part.stream == write.stream && part.count == write.events.len() as u64
        });
    if !is_same_list {
        return Err(clash());
    }
    let old = source.records(&entry).await?;
    if !old.iter().zip(request.events()).all(|(old, (_, event))| old.id == event.id) {
        return Err(clash());
    }
    let mut pairs = old.iter().zip(request.events());
    let changed =
        pairs.find(|(old, (_, new))| !new.same_content(&old.schema, &old.payload, &old.tags));
    if let Some((old, _)) = changed {
        return Err(IdempotencyClash::new(old.id, old.position).into());
    }
    let (Some(first), Some(last)) = (old.first(), old.last()) else { return Err(clash()) };
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
