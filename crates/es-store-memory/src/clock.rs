//! Where the store takes the time from.

use std::sync::Arc;

use es_core::Timestamp;

/// Says what time it is. It may step back: the store clamps what it records.
pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The clock of the system.
pub(crate) fn system() -> Clock {
    Arc::new(Timestamp::now)
}
