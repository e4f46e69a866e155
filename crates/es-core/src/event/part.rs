//! Whether an envelope is a whole recorded event, a part of one, or only its place.

/// Whether an envelope is a whole recorded event, a part of one, or only its place.
///
/// What a store keeps is always whole. [`Upcasters`](crate::Upcasters) may split an old
/// event into several new ones, or drop it. The parts of a split event are envelopes with
/// the same id, version and position; id and index together tell one from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// The whole event.
    #[default]
    Whole,
    /// One of several events that a recorded event was split into.
    Split {
        /// Which of them, from 0 in the order of the split, also in a backward read.
        index: u16,
        /// How many there are, those that the read left out included.
        of: u16,
        /// Whether the read yields no further part of this event. It need not be the part
        /// with the highest index: a read by type leaves parts out, and a backward read
        /// ends with the first.
        last: bool,
    },
    /// Nothing but the place of an event that an upcaster dropped: it still has its version,
    /// so that whoever reads a stream knows where it ends. Reads that are typed pass over
    /// it.
    Dropped,
}

impl Part {
    /// Whether the read yields nothing more of this event.
    #[must_use]
    pub const fn is_last(self) -> bool {
        match self {
            Self::Split { last, .. } => last,
            Self::Whole | Self::Dropped => true,
        }
    }

    /// Whether an upcaster dropped the event.
    #[must_use]
    pub const fn is_dropped(self) -> bool {
        matches!(self, Self::Dropped)
    }
}
