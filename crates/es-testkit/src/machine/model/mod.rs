//! The log as a list: what every store is compared with.
//!
//! It says what must come of an append and of a read, and takes over from the store what
//! only a store can decide: positions and times. It shares no code with any store; how it
//! reads queries and bounds is its own as well, so a fault of es-core shows too.

mod answer;
mod outcome;

use std::{ops::Range, sync::Arc};

use es_core::{
    Capabilities, Conflict, Envelope, EventId, LogId, Metadata, Position, Query, Receipt, Result,
    StreamId, Timestamp, Version,
};
use uuid::Uuid;

pub(super) use answer::Answer;
pub(super) use outcome::{Outcome, shown};

use super::{compare::Mismatch, draft::Draft};

/// What is in a log, as it should be. Cheap to clone as long as histories are short.
#[derive(Clone, Debug)]
pub(super) struct Model {
    can: Capabilities,
    log: LogId,
    events: Vec<Arc<Envelope>>,
    appends: Vec<Arc<Made>>,
}

/// An append that was taken.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) draft: Draft,
    receipt: Receipt,
    /// Its events, by their places in the list.
    events: Range<usize>,
}

impl Model {
    pub(super) const fn new(can: Capabilities, log: LogId) -> Self {
        Self { can, log, events: Vec::new(), appends: Vec::new() }
    }

    pub(super) const fn log(&self) -> LogId {
        self.log
    }

    pub(super) fn events(&self) -> &[Arc<Envelope>] {
        &self.events
    }

    pub(super) fn appends(&self) -> &[Arc<Made>] {
        &self.appends
    }

    pub(super) fn head(&self) -> Position {
        self.events.last().map_or(Position::START, |event| event.position)
    }

    pub(super) fn version(&self, stream: &StreamId) -> Option<Version> {
        let count = self.events.iter().filter(|event| event.stream == *stream).count();
        Version::after(None, count as u64)
    }

    pub(super) fn find(&self, id: EventId) -> Option<&Arc<Envelope>> {
        self.events.iter().find(|event| event.id == id)
    }

    /// Whether any of the events is in the log already.
    pub(super) fn knows(&self, draft: &Draft) -> bool {
        draft.events().any(|(_, event)| self.find(event.id).is_some())
    }

    /// Compares the store's answer to an append with what must come of it, and takes the
    /// append over if it was written. `positions` are those of its events, then.
    pub(super) fn take(
        &mut self,
        draft: &Draft,
        answer: &Result<Receipt>,
        positions: &[Position],
    ) -> Result<Outcome, Mismatch> {
        let outcome = self.outcome(draft);
        outcome.compare(self, answer)?;
        if let (Outcome::Written { count, .. }, Ok(receipt)) = (&outcome, answer) {
            if positions.len() as u64 != *count {
                let came = format!("{} events between them", positions.len());
                return Err(Mismatch::new(outcome.to_string(), came));
            }
            self.write(draft, receipt, positions);
        }
        Ok(outcome)
    }

    /// What must come of an append. The order of the checks is that of the contract.
    fn outcome(&self, draft: &Draft) -> Outcome {
        if !self.supports(draft) {
            return Outcome::Unsupported;
        }
        if let Some(repeated) = self.repeated(draft) {
            return repeated;
        }
        let written = draft.writes.iter().map(|write| (&write.stream, write.expected));
        let required = draft.required.iter().map(|(stream, expected)| (stream, *expected));
        for (stream, expected) in written.chain(required) {
            let actual = self.version(stream);
            if !answer::admits(expected, actual) {
                return Outcome::Conflict(Conflict::new(stream.clone(), expected, actual));
            }
        }
        for (query, after) in &draft.unless {
            let found = self.excluded(draft, query, *after);
            if !found.is_empty() {
                return Outcome::ConditionFailed { query: query.clone(), after: *after, found };
            }
        }
        let version = |stream| Version::after(self.version(stream), draft.count_for(stream));
        let versions = draft.writes.iter().filter_map(|write| {
            let stream = &write.stream;
            Some((stream.clone(), version(stream)?))
        });
        Outcome::Written { versions: versions.collect(), count: draft.event_count() as u64 }
    }

    fn supports(&self, draft: &Draft) -> bool {
        let streams = draft.writes.len() + draft.required.len();
        (self.can.multi_stream || streams == 1) && (self.can.conditions || draft.unless.is_empty())
    }

    /// A replay or a clash, if any of the ids is known.
    fn repeated(&self, draft: &Draft) -> Option<Outcome> {
        let known: Vec<&Arc<Envelope>> =
            draft.events().filter_map(|(_, event)| self.find(event.id)).collect();
        let first = known.first()?;
        let made = self.appends.iter().find(|made| {
            self.events[made.events.clone()].iter().any(|event| event.id == first.id)
        })?;
        let before = &self.events[made.events.clone()];
        let is_same = before.len() == draft.event_count()
            && before.iter().zip(draft.events()).all(|(old, (stream, new))| {
                old.id == new.id
                    && old.stream == *stream
                    && old.schema == new.schema
                    && old.payload == new.payload
                    && old.tags == new.tags
            });
        Some(if is_same {
            Outcome::Replayed(made.receipt.clone().as_replay())
        } else {
            Outcome::Clash(known.iter().map(|event| (event.id, event.position)).collect())
        })
    }

    /// The positions of what must be absent and is not.
    fn excluded(&self, draft: &Draft, query: &Query, after: Position) -> Vec<Position> {
        let mut found = Vec::new();
        for event in &self.events {
            if event.position > after
                && event.stream.tenant() == draft.tenant()
                && answer::means(query, event)
            {
                found.push(event.position);
            }
        }
        found
    }

    fn write(&mut self, draft: &Draft, receipt: &Receipt, positions: &[Position]) {
        let begin = self.events.len();
        let first = draft.events().next().map_or(Uuid::nil(), |(_, event)| event.id.as_uuid());
        let mut positions = positions.iter();
        for write in &draft.writes {
            let mut version = self.version(&write.stream);
            for (event, position) in write.events.iter().zip(&mut positions) {
                let next = version.map_or(Version::FIRST, Version::next);
                version = Some(next);
                let (mut event, stream) = (event.clone(), write.stream.clone());
                event.metadata = correlated(event.metadata, first);
                let at = receipt.recorded_at;
                self.events.push(Arc::new(Envelope::record(event, stream, next, *position, at)));
            }
        }
        let events = begin..self.events.len();
        let (draft, receipt) = (draft.clone(), receipt.clone());
        self.appends.push(Arc::new(Made { draft, receipt, events }));
    }

    fn last_recorded_at(&self) -> Option<Timestamp> {
        self.events.last().map(|event| event.recorded_at)
    }
}

/// What nobody correlated is correlated by the first event of its append.
fn correlated(metadata: Metadata, first: Uuid) -> Metadata {
    match metadata.correlation_id() {
        Some(_) => metadata,
        None => metadata.with_correlation_id(first),
    }
}
