//! Dead letters as entries of a stream, and back.

use bytes::Bytes;
use es_core::{DeadLetter, Error, Recorded, Result, SubscriberName, Timestamp};

use super::message::{CAUSE, Entry, FIRST, Fields, LAST, PARTITION, TRIES, note};
use crate::KeptLetter;

/// The fields of a letter: those of the event, and what is known of the failure.
pub(super) fn fields_of(event: Fields, letter: &DeadLetter, partition: usize) -> Fields {
    let mut fields = event;
    fields.push(note(TRIES, letter.attempts));
    fields.push(note(FIRST, letter.first_failed_at.as_micros()));
    fields.push(note(LAST, letter.last_failed_at.as_micros()));
    fields.push(note(PARTITION, partition));
    if let Some(cause) = &letter.cause {
        fields.push(note(CAUSE, cause));
    }
    fields
}

/// The letter that an entry is; `again` is what was noted when it was tried again.
pub(super) fn read(
    entry: &Entry,
    group: &SubscriberName,
    again: Option<&Bytes>,
) -> Result<KeptLetter> {
    let event = entry.event()?;
    let mut letter = crate::attempts::waiting(group, &event);
    let number = |name| entry.number(name).unwrap_or_default();
    letter.attempts = u32::try_from(number(TRIES)).unwrap_or(u32::MAX);
    letter.cause = entry.text(CAUSE).ok().map(str::to_owned);
    letter.first_failed_at = Timestamp::from_micros(number(FIRST));
    letter.last_failed_at = Timestamp::from_micros(number(LAST));
    if let Some(again) = again {
        let text = std::str::from_utf8(again).unwrap_or_default();
        let mut parts = text.splitn(3, '|');
        let mut next = || parts.next().unwrap_or_default();
        let broken = |error| Error::fault("what was noted of a dead letter is broken", error);
        letter.attempts = next().parse().map_err(broken)?;
        letter.last_failed_at = Timestamp::from_micros(next().parse().map_err(broken)?);
        letter.cause = Some(next().to_owned());
    }
    Ok(KeptLetter { letter, event })
}

/// What is noted when a letter was tried again and failed.
pub(super) fn tried_again(before: &DeadLetter, attempts: u32, cause: &str) -> String {
    let attempts = before.attempts.saturating_add(attempts);
    format!("{attempts}|{}|{cause}", Timestamp::now().as_micros())
}

/// The letter of an event that nobody handles here.
pub(super) fn unknown(group: &SubscriberName, event: &Recorded, cause: &str) -> DeadLetter {
    crate::attempts::waiting(group, event).failed(cause, 0)
}
