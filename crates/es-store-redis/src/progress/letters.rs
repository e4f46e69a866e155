//! Dead letters as records: the position first, so that the order of bytes is theirs.

use es_core::{
    BoxError, DeadLetter, Error, EventId, Position, Result, StreamId, SubscriberName, Timestamp,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Between a record and the reason why its letter was given up. JSON has none.
const BEFORE_REASON: u8 = 0;

#[derive(Serialize, Deserialize)]
struct Record {
    event: Uuid,
    stream: String,
    cause: Option<String>,
    attempts: u32,
    first: i64,
    last: i64,
}

/// A position as 16 digits, which sort as positions do.
pub(super) fn place(position: Position) -> String {
    format!("{:016x}", position.get())
}

/// The bound of a range that begins behind `position`.
pub(super) fn behind(position: Position) -> Vec<u8> {
    let mut bound = format!("({}", place(position)).into_bytes();
    bound.push(0xff);
    bound
}

/// What stands behind the place.
pub(super) fn record(letter: &DeadLetter) -> Result<String> {
    let record = Record {
        event: letter.event.as_uuid(),
        stream: letter.stream.to_string(),
        cause: letter.cause.clone(),
        attempts: letter.attempts,
        first: letter.first_failed_at.as_micros(),
        last: letter.last_failed_at.as_micros(),
    };
    serde_json::to_string(&record)
        .map_err(|error| Error::fault("a letter cannot be written", error))
}

/// The reason of a letter that was given up, as it follows the record.
pub(super) fn reason(reason: &str) -> Vec<u8> {
    [&[BEFORE_REASON], reason.as_bytes()].concat()
}

/// A letter, and the reason if it was given up.
pub(super) fn letter(name: &SubscriberName, bytes: &[u8]) -> Result<(DeadLetter, String)> {
    read(name, bytes).map_err(|error| {
        Error::fault("a dead letter in Redis is none that this crate writes", error)
    })
}

fn read(name: &SubscriberName, bytes: &[u8]) -> Result<(DeadLetter, String), BoxError> {
    let (place, rest) = bytes.split_at_checked(16).ok_or("it is too short")?;
    let position = Position::new(u64::from_str_radix(std::str::from_utf8(place)?, 16)?);
    let mut parts = rest.splitn(2, |&byte| byte == BEFORE_REASON);
    let record: Record = serde_json::from_slice(parts.next().unwrap_or_default())?;
    let reason = std::str::from_utf8(parts.next().unwrap_or_default())?.to_owned();
    let stream: StreamId = record.stream.parse()?;
    let event = EventId::from_uuid(record.event);
    let mut letter = DeadLetter::waiting(name.clone(), position, event, stream);
    letter.cause = record.cause;
    letter.attempts = record.attempts;
    letter.first_failed_at = Timestamp::from_micros(record.first);
    letter.last_failed_at = Timestamp::from_micros(record.last);
    Ok((letter, reason))
}

#[cfg(test)]
mod tests;
