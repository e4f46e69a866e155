//! Appends that were made before: the same again, or something that only looks like it.

use std::{ops::RangeInclusive, sync::Arc};

use es_core::{
    Envelope, Error, EventId, IdempotencyClash, Position, Receipt, Result, StreamId, Version,
};

use super::draft::Draft;
use crate::shared::{Shared, Writer};

/// An earlier append that has an event of this one.
pub(super) struct Earlier {
    /// The first event of this one that the log has.
    known: EventId,
    /// Where the log has it.
    position: u32,
    /// Where the log has the whole append that brought it.
    span: RangeInclusive<u32>,
}

/// Whether the log has any event of the append already.
pub(super) fn find(shared: &Shared, writer: &Writer, draft: &Draft) -> Option<Earlier> {
    let (known, position) = draft.events().find_map(|event| {
        let position = event.known_at(&writer.ids, &shared.log)?;
        Some((event.envelope.id, position))
    })?;
    let span = writer.starts.span(position, shared.published.head());
    Some(Earlier { known, position, span })
}

/// What the log says to `draft` if it has any event of it already.
pub(super) fn look(shared: &Shared, draft: &Draft) -> Option<Result<Receipt>> {
    let writer = shared.lock();
    let earlier = find(shared, &writer, draft);
    drop(writer);
    earlier.map(|earlier| answer(shared, draft, &earlier))
}

/// The first receipt again if `draft` is that append, whole and unchanged; else a clash,
/// which names the event that differs or, where the two are different appends, the first
/// one that the log has.
pub(super) fn answer(shared: &Shared, draft: &Draft, earlier: &Earlier) -> Result<Receipt> {
    let recorded: Vec<&Arc<Envelope>> =
        earlier.span.clone().map_while(|position| shared.log.get(position)).collect();
    let is_same_list = recorded.len() == draft.event_count()
        && recorded
            .iter()
            .zip(draft.events())
            .all(|(old, event)| old.id == event.envelope.id && old.stream == event.envelope.stream);
    let (Some(first), Some(last), true) = (recorded.first(), recorded.last(), is_same_list) else {
        let position = Position::new(u64::from(earlier.position));
        return Err(IdempotencyClash::new(earlier.known, position).into());
    };
    let changed = recorded
        .iter()
        .zip(draft.events())
        .find(|(old, event)| !has_same_content(old, &event.envelope));
    if let Some((old, _)) = changed {
        return Err(Error::from(IdempotencyClash::new(old.id, old.position)));
    }
    let receipt = Receipt::new(
        shared.id,
        first.position,
        last.position,
        first.recorded_at,
        versions(&recorded),
    );
    Ok(receipt.as_replay())
}

/// The rule of `NewEvent::same_content`.
fn has_same_content(old: &Envelope, new: &Envelope) -> bool {
    old.schema == new.schema && old.payload == new.payload && old.tags == new.tags
}

/// Each stream's last version. An append writes all events of a stream in one go.
fn versions(recorded: &[&Arc<Envelope>]) -> Vec<(StreamId, Version)> {
    recorded
        .chunk_by(|one, next| one.stream == next.stream)
        .filter_map(<[_]>::last)
        .map(|last| (last.stream.clone(), last.version))
        .collect()
}
