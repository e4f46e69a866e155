//! Bounds by time become bounds by position: the time of recording never decreases along
//! the log, so it is found by halving.

use es_core::{Position, Read, Recorded, Result, Timestamp};

use super::source::Source;

/// Replaces what a read says about time by positions; `false` when nothing is left of it.
pub(super) async fn to_positions(source: &Source, read: &mut Read) -> Result<bool> {
    let head = read.until.unwrap_or(Position::START);
    if let Some(since) = read.recorded_since {
        let before = last_before(source, head, |at| at < since).await?;
        let after = read.after.unwrap_or(Position::START);
        read.after = Some(after.max(before));
    }
    if let Some(until) = read.recorded_until {
        read.until = Some(last_before(source, head, |at| at <= until).await?);
    }
    Ok(read.until.unwrap_or(Position::START) > read.after.unwrap_or(Position::START))
}

/// The last position up to `head` whose event `is_before`, which holds for a first part of
/// the log.
async fn last_before(
    source: &Source,
    head: Position,
    is_before: impl Fn(Timestamp) -> bool,
) -> Result<Position> {
    let (mut low, mut high) = (0, head.get());
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        let entry = source.entry_from(Position::new(middle)).await?;
        let is_before = match entry {
            // A gap in the log is part of the entry behind it.
            Some(entry) => {
                let at = Position::new(middle.max(entry.first.get()));
                let event: Vec<Recorded> = super::page::event(source, at).await?;
                event.first().is_some_and(|event| is_before(event.recorded_at))
            }
            None => false,
        };
        match is_before {
            true => low = middle,
            false => high = middle - 1,
        }
    }
    Ok(Position::new(low))
}
