//! When a snapshot is taken.

use std::num::NonZeroU64;

use es_core::{Invalid, Result, Version};

/// When a snapshot is taken. Whatever the policy, it is taken of committed state only.
///
/// ```
/// use es_aggregate::SnapshotPolicy;
///
/// let every_hundred = SnapshotPolicy::every(100)?.in_background();
/// assert_ne!(every_hundred, SnapshotPolicy::on_demand());
/// assert!(SnapshotPolicy::every(0).is_err());
/// # Ok::<(), es_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotPolicy {
    every: Option<NonZeroU64>,
    pub(crate) in_background: bool,
}

impl SnapshotPolicy {
    /// Whenever a save crosses a multiple of `events` versions, however many events the
    /// save has.
    ///
    /// # Errors
    /// [`Invalid::Setting`] for 0.
    pub fn every(events: u64) -> Result<Self> {
        match NonZeroU64::new(events) {
            Some(every) => Ok(Self { every: Some(every), in_background: false }),
            None => Err(Invalid::Setting {
                setting: "the number of events between snapshots",
                value: events.to_string(),
                remedy: "use 1 or more, or `SnapshotPolicy::on_demand()` for none",
            }
            .into()),
        }
    }

    /// Only when [`Repository::snapshot`](crate::Repository::snapshot) is called.
    #[must_use]
    pub const fn on_demand() -> Self {
        Self { every: None, in_background: false }
    }

    /// The same, written by a task of its own, so that no command waits for it. While
    /// several wait to be written, further ones are left out.
    #[must_use]
    pub const fn in_background(mut self) -> Self {
        self.in_background = true;
        self
    }

    /// Whether a save that moved a stream from `before` to `after` is to be followed by a
    /// snapshot.
    pub(crate) fn is_due(self, before: Option<Version>, after: Version) -> bool {
        self.every.is_some_and(|every| before.map_or(0, Version::get) / every < after.get() / every)
    }
}
