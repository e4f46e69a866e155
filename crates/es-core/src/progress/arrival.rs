//! Whether a message has been here before.

/// Whether a message has been here before, as an inbox tells that is kept in the transaction
/// of its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "an effect belongs to the first arrival only"]
pub enum Arrival {
    /// It has not: its effect belongs into this transaction.
    First,
    /// It has, and its effect is committed.
    Again,
}

impl Arrival {
    /// Whether the effect is still to be done.
    #[must_use]
    pub const fn is_first(self) -> bool {
        matches!(self, Self::First)
    }
}
