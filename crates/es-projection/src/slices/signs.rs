//! Who is alive, by what they have written.
//!
//! *Hazard.* A sign of life carries the time of the machine that gave it. One whose clock is an
//! hour ahead and that is gone would count as alive for an hour; one whose clock is behind by a
//! lease would never count, and two that both see it so would replace each other for ever.
//! *Mechanism.* A sign counts for a lease from when it was first seen, by the own clock alone,
//! which nobody sets. Who sees it first in its life asks the clocks whether it is young; who has
//! seen it change need not: somebody has given it since.
//! *Cost.* One note for each checkpoint that is looked at.

use std::{collections::HashMap, time::Duration};

use es_core::{Checkpoint, Owner, SubscriberName, Timestamp};
use tokio::time::Instant;

/// The last signs of life of the owners of checkpoints.
#[derive(Debug, Default)]
pub(crate) struct Signs(HashMap<SubscriberName, Seen>);

#[derive(Debug)]
struct Seen {
    sign: (u64, Timestamp),
    /// When it was first seen.
    at: Instant,
    /// Whether another was seen before it.
    has_changed: bool,
}

impl Signs {
    /// Whether the owner of a checkpoint shows signs of life.
    pub(crate) fn show_life(&mut self, known: &Checkpoint, lease: Duration, now: Instant) -> bool {
        if known.owner == nobody() {
            return false;
        }
        let sign = (known.epoch, known.updated_at);
        let first = || Seen { sign, at: now, has_changed: false };
        let seen = self.0.entry(known.subscriber.clone()).or_insert_with(first);
        if seen.sign != sign {
            *seen = Seen { sign, at: now, has_changed: true };
        }
        let is_young = || Timestamp::now().since(known.updated_at) < lease;
        now.saturating_duration_since(seen.at) < lease && (seen.has_changed || is_young())
    }
}

/// The owner of a checkpoint that was left in good order.
pub(crate) fn nobody() -> Owner {
    Owner::new("")
}

#[cfg(test)]
mod tests {
    //! Clocks that agree, and one that does not.

    use es_core::LogId;

    use super::*;

    const LEASE: Duration = Duration::from_secs(10);

    #[test]
    fn an_owner_with_a_fast_clock_is_gone_a_lease_after_its_last_sign() {
        let name = SubscriberName::from_static("orders-v1");
        let mut known = Checkpoint::first(name, LogId::generate(), Owner::new("ahead"));
        known.updated_at = Timestamp::now().plus(Duration::from_secs(3_600));
        let (mut signs, start) = (Signs::default(), Instant::now());
        assert!(signs.show_life(&known, LEASE, start), "who knows");
        assert!(signs.show_life(&known, LEASE, start + LEASE / 2));
        known.updated_at = known.updated_at.plus(Duration::from_millis(1));
        assert!(signs.show_life(&known, LEASE, start + LEASE), "another sign");
        assert!(signs.show_life(&known, LEASE, start + LEASE * 3 / 2));
        assert!(!signs.show_life(&known, LEASE, start + LEASE * 2), "none for a lease");
        known.epoch += 1;
        assert!(signs.show_life(&known, LEASE, start + LEASE * 3), "another owner");

        (known.owner, known.updated_at) = (nobody(), Timestamp::now());
        assert!(!signs.show_life(&known, LEASE, start + LEASE * 3), "left in good order");
    }

    #[test]
    fn an_owner_with_a_slow_clock_is_alive_once_its_sign_was_seen_to_change() {
        let name = SubscriberName::from_static("orders-v1");
        let mut known = Checkpoint::first(name, LogId::generate(), Owner::new("behind"));
        let behind = |seconds: i64| {
            Timestamp::from_micros(Timestamp::now().as_micros() - seconds * 1_000_000)
        };
        known.updated_at = behind(3_600);
        let (mut signs, start) = (Signs::default(), Instant::now());
        assert!(!signs.show_life(&known, LEASE, start), "it may have died an hour ago");
        known.updated_at = behind(3_599);
        assert!(signs.show_life(&known, LEASE, start + LEASE / 3), "somebody has given it since");
        assert!(signs.show_life(&known, LEASE, start + LEASE));
        assert!(!signs.show_life(&known, LEASE, start + LEASE * 4 / 3), "none for a lease");
    }
}
