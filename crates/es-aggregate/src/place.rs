//! Where a root stands in its stream: which event it took last, and which must come next.

use es_core::{EventId, FoldEvent, Invalid, Part, Result, StreamId, Version};

/// Where a root stands in its stream.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    /// The version of the last event that was taken whole.
    pub(crate) version: Option<Version>,
    /// That event.
    pub(crate) last: Option<EventId>,
    /// A split event of which parts are still to come.
    open: Option<Open>,
}

/// An event that upcasters split, taken in part.
#[derive(Clone, Copy, Debug)]
struct Open {
    id: EventId,
    version: Version,
    next: u16,
}

impl Place {
    pub(crate) const fn at(version: Version, last: EventId) -> Self {
        Self { version: Some(version), last: Some(last), open: None }
    }

    /// Moves on to `event`, which must be the next one.
    ///
    /// *Hazard.* A state that lacks an event, or a part of one, would be decided on as if it
    /// were whole.
    /// *Mechanism.* Versions follow each other, the parts of a split event follow each other
    /// under one version, and the version counts only once all of them were taken: before,
    /// nothing can be saved on this state. An event that was dropped counts as well, for the
    /// log has it.
    pub(crate) fn step(&mut self, stream: &StreamId, event: &FoldEvent<'_>) -> Result<()> {
        if let Some(found) = event.stream.filter(|found| *found != stream) {
            let (expected, found) = (stream.clone(), found.clone());
            return Err(Invalid::ForeignEvent { expected, found }.into());
        }
        let expected = self.version.map_or(Version::FIRST, Version::next);
        if self.open.is_none() && event.version != expected {
            let (stream, found) = (stream.clone(), event.version);
            return Err(Invalid::VersionGap { stream, expected, found }.into());
        }
        if self.open.is_none() && event.part == Part::Whole {
            *self = Self::at(event.version, event.id);
            return Ok(());
        }
        let (index, of) = match event.part {
            Part::Split { index, of, .. } => (index, of),
            _ => (0, 1),
        };
        let begun = Open { id: event.id, version: event.version, next: 0 };
        let open = self.open.unwrap_or(begun);
        if open.id != event.id || open.next != index {
            return Err(open.gap(stream));
        }
        if index.saturating_add(1) < of {
            self.open = Some(Open { next: index + 1, ..open });
        } else {
            *self = Self::at(event.version, event.id);
        }
        Ok(())
    }

    /// Whether no parts are still to come.
    ///
    /// # Errors
    /// [`Invalid::PartGap`] when they are.
    pub(crate) fn check_whole(&self, stream: &StreamId) -> Result<()> {
        self.open.map_or(Ok(()), |open| Err(open.gap(stream)))
    }
}

impl Open {
    fn gap(&self, stream: &StreamId) -> es_core::Error {
        let (stream, version, expected) = (stream.clone(), self.version, self.next);
        Invalid::PartGap { stream, version, expected }.into()
    }
}
