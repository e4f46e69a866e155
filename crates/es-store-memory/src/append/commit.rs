//! The commit: all decisions, then all writes, under the writer's lock.
//!
//! *Hazard.* Others append and read at the same time, and each of them must see this append
//! whole or not at all, and decide on a log that does not move meanwhile.
//! *Mechanism.* One lock for all appends. Under it, everything is checked before anything
//! is written, and the last step moves the published head. Readers look no further than
//! the head that they saw.
//! *Why it is sound.* What can fail comes before the first write. Behind it no foreign code
//! runs, so there is no way out in the middle, and nobody can see the middle.
//! *Cost.* Appends run one after the other, so the lock is held for look-ups and pointer
//! writes only: names are hashed, events built and old history searched before.

use es_core::{Error, ErrorKind, Receipt, Result};

use super::{condition::Condition, draft::Draft, repeat};
use crate::shared::Shared;

pub(super) fn commit(
    shared: &Shared,
    draft: &mut Draft,
    conditions: &mut [Condition],
) -> Result<Receipt> {
    let mut writer = shared.lock();
    if let Some(earlier) = repeat::find(shared, &writer, draft) {
        // The log below the head never changes, so the comparison needs no lock.
        drop(writer);
        return repeat::answer(shared, draft, &earlier);
    }
    draft.check_versions(&shared.index)?;
    for condition in conditions {
        condition.check(shared)?;
    }
    let head = shared.published.head();
    let last = u32::try_from(draft.event_count())
        .ok()
        .and_then(|count| head.checked_add(count))
        .filter(|last| *last <= shared.room)
        .ok_or_else(|| full(shared.room))?;

    let recorded_at = draft.now.max(writer.recorded_at);
    let receipt = draft.stamp(shared, head, recorded_at);
    draft.write(&shared.log, &shared.index, head);
    for (event, position) in draft.events().zip(head + 1..) {
        writer.ids.insert(event.id, position);
    }
    writer.starts.insert(head + 1);
    writer.recorded_at = recorded_at;
    shared.published.publish(last);
    Ok(receipt)
}

fn full(room: u32) -> Error {
    Error::new(
        ErrorKind::Fault,
        format!("the memory store is full, nothing was written: it holds at most {room} events"),
    )
}
