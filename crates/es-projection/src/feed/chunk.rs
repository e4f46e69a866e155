//! A piece of the log.

use std::sync::Arc;

use es_core::{Error, EventId, Position, Recorded, StreamId};

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
    /// What is at `up_to` and could not be read.
    pub(crate) broken: Option<Broken>,
}

/// An event that is there and cannot be read in a form that anybody knows: an upcaster fails.
/// Whose business it is, each subscriber finds out.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    pub(crate) position: Position,
    pub(crate) event: EventId,
    pub(crate) stream: StreamId,
    pub(crate) error: Arc<Error>,
}

impl Chunk {
    /// Nothing, at the end of the log.
    pub(super) const fn end(at: Position) -> Self {
        Self { after: at, up_to: at, events: Vec::new(), is_end: true, bytes: 0, broken: None }
    }
}

impl Broken {
    /// The event that a read failed on with `error`, if that is why it failed.
    pub(crate) fn of(error: Error) -> Result<Self, Error> {
        let found = error.undecodable_details();
        let found = found.and_then(|d| Some((d.position?, d.event?, d.stream.clone()?)));
        match found {
            Some((position, event, stream)) => {
                Ok(Self { position, event, stream, error: Arc::new(error) })
            }
            None => Err(error),
        }
    }
}
