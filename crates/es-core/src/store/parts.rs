//! Where a follower stands within an event that an upcaster split.

use crate::{Part, Position, Recorded};

/// How much of a split event was yielded, while there is more of it.
///
/// *Hazard.* A read may fail between two parts of one event. If the cursor stood at that
/// event then, its other parts would be lost; if it stands before it, the next read begins
/// with parts that were yielded already.
/// *Mechanism.* The cursor moves to a position with the last part only, and parts that were
/// yielded before are passed over when they come again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parts {
    of: Option<Position>,
    yielded: u16,
}

impl Parts {
    /// How many parts may come again, at most.
    pub(super) fn again(self) -> u64 {
        self.yielded.into()
    }

    /// Whether `recorded` was yielded already.
    pub(super) fn had(self, recorded: &Recorded) -> bool {
        matches!(recorded.part, Part::Split { index, .. }
            if self.of == Some(recorded.position) && index < self.yielded)
    }

    /// What is to be remembered once `recorded` is yielded.
    pub(super) fn after(recorded: &Recorded) -> Self {
        match recorded.part {
            Part::Split { index, last: false, .. } => {
                Self { of: Some(recorded.position), yielded: index.saturating_add(1) }
            }
            _ => Self::default(),
        }
    }
}
