//! Who is alive, by what they have written.
//!
//! *Hazard.* A sign of life carries the time of the machine that gave it. One whose clock is an
//! hour ahead and that is gone would count as alive for an hour.
//! *Mechanism.* A sign counts while it is young by the clocks, and while it has been seen for
//! less than a lease by the own clock alone, which nobody sets.
//! *Cost.* One note for each checkpoint that is looked at.

use std::{collections::HashMap, time::Duration};

use es_core::{Checkpoint, Owner, SubscriberName, Timestamp};
use tokio::time::Instant;

/// The last signs of life of the owners of checkpoints, and when they were first seen.
#[derive(Debug, Default)]
pub(crate) struct Signs(HashMap<SubscriberName, ((u64, Timestamp), Instant)>);

impl Signs {
    /// Whether the owner of a checkpoint shows signs of life.
    pub(crate) fn show_life(&mut self, known: &Checkpoint, lease: Duration, now: Instant) -> bool {
        if known.owner == nobody() {
            return false;
        }
        let sign = (known.epoch, known.updated_at);
        let seen = self.0.entry(known.subscriber.clone()).or_insert((sign, now));
        if seen.0 != sign {
            *seen = (sign, now);
        }
        let is_young = Timestamp::now().since(known.updated_at) < lease;
        is_young && now.saturating_duration_since(seen.1) < lease
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

        known.updated_at = Timestamp::from_micros(Timestamp::now().as_micros() - 11_000_000);
        assert!(!signs.show_life(&known, LEASE, start + LEASE * 4), "old by both clocks");
        (known.owner, known.updated_at) = (nobody(), Timestamp::now());
        assert!(!signs.show_life(&known, LEASE, start + LEASE * 4), "left in good order");
    }
}
