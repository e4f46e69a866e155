//! A piece of the log.

use es_core::{Position, Recorded};

/// Events of one chunk, at most, but for the parts of its last event.
pub(super) const EVENTS: usize = 512;

/// Bytes of payloads of one chunk; the event that exceeds it is the last.
pub(super) const BYTES: usize = 2 << 20;

/// What the log has behind one position up to another: whole events only.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Behind this position.
    pub(crate) after: Position,
    /// Up to and including this one; there may be no event at it.
    pub(crate) up_to: Position,
    /// What any of the subscribers may want of it.
    pub(crate) events: Vec<Recorded>,
    /// Whether the log ended here when this was read.
    pub(crate) is_end: bool,
    /// How large the payloads are together.
    pub(crate) bytes: usize,
}
