//! Event ids that are the same in each run.

#[cfg(test)]
mod tests;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use es_core::EventId;
use uuid::Uuid;

/// Tells these ids from all that programs derive.
const NAMESPACE: Uuid = Uuid::from_u128(0x6b0d_9f5e_2a77_4c1b_8e43_71d0_5ad2_c9f6);

/// Event ids that are the same in each run: the same seed gives the same ids in the same
/// order. Clones draw from the same row.
///
/// They do not grow with time, as those of [`EventId::new`] do: a store must not rely on
/// that.
///
/// ```
/// use es_core::{NewEvent, Payload, Schema};
/// use es_testkit::Ids;
///
/// let ids = Ids::seeded(7);
/// let noted = NewEvent::raw(Schema::from_static("noted", 1), Payload::json(&1)?).with_id(ids.draw());
/// assert_eq!(noted.id, Ids::seeded(7).draw());
/// # Ok::<(), es_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ids {
    seed: u64,
    drawn: Arc<AtomicU64>,
}

impl Ids {
    /// The row of ids that belongs to this seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { seed, drawn: Arc::default() }
    }

    /// The next id of the row.
    #[must_use]
    pub fn draw(&self) -> EventId {
        self.nth(self.drawn.fetch_add(1, Ordering::SeqCst))
    }

    /// The id at this place of the row, from 0, whether it was drawn or not.
    #[must_use]
    pub fn nth(&self, place: u64) -> EventId {
        EventId::derived(NAMESPACE, [self.seed.to_be_bytes(), place.to_be_bytes()])
    }

    /// How many were drawn.
    #[must_use]
    pub fn drawn(&self) -> u64 {
        self.drawn.load(Ordering::SeqCst)
    }
}
