//! The rows of a page on their way from the thread that read them to the caller.

use std::{sync::Arc, vec};

use es_core::{Error, Recorded, Result, StreamId};
use rusqlite::{Connection, Row};

use super::{
    names::{Family, Names},
    row::{Place, Raw, STREAM, payload},
};
use crate::error::{damaged, from_driver};

/// So many events are made at a time: what an allocator keeps at hand for a thread (glibc:
/// seven of a size) is enough for them, so the next ones lie where the last ones lay.
const FEW: usize = 7;

/// Rows of which the envelopes are still to be made.
#[derive(Default)]
pub(crate) struct Rows {
    rows: Vec<Held>,
    /// One payload behind the other.
    payloads: Vec<u8>,
    streams: Vec<StreamId>,
    /// The number in the database of the last of `streams`.
    last_stream: Option<i64>,
    families: Arc<Vec<Family>>,
}

struct Held {
    raw: Raw,
    /// Which of `streams`.
    stream: usize,
    /// Which of `families`.
    family: usize,
    /// Where its payload ends, and that of the next begins.
    end: usize,
}

impl Rows {
    /// Adds the row at `place`, of `stream` where that is known.
    pub(super) fn push(
        &mut self,
        row: &Row<'_>,
        place: &Place,
        stream: Option<&StreamId>,
        names: &mut Names,
        connection: &Connection,
    ) -> Result<()> {
        match stream {
            Some(stream) if self.streams.is_empty() => self.streams.push(stream.clone()),
            Some(_) => {}
            None => {
                let number: i64 = row.get(STREAM).map_err(from_driver)?;
                // Events of one stream often lie side by side.
                if self.last_stream != Some(number) {
                    self.streams.push(names.stream(connection, number)?);
                    self.last_stream = Some(number);
                }
            }
        }
        let family = names.index(connection, place.family)?;
        let raw = Raw::of(row, place)?;
        self.payloads.extend_from_slice(payload(row)?);
        let (stream, end) = (self.streams.len().saturating_sub(1), self.payloads.len());
        self.rows.push(Held { raw, stream, family, end });
        Ok(())
    }

    /// The same with the names of the types that the rows mention.
    pub(super) fn named_by(mut self, names: &Names) -> Self {
        self.families = names.all();
        self
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many bytes the payloads take.
    pub(super) const fn bytes(&self) -> usize {
        self.payloads.len()
    }

    /// The events, to be made as they are wanted.
    pub(crate) fn making(self) -> Making {
        let Self { rows, payloads, streams, families, .. } = self;
        Making { rows: rows.into_iter(), payloads, begin: 0, streams, families, failed: None }
    }
}

/// Rows of which some were made events already.
pub(crate) struct Making {
    rows: vec::IntoIter<Held>,
    payloads: Vec<u8>,
    /// Where the payload of the next row begins.
    begin: usize,
    streams: Vec<StreamId>,
    families: Arc<Vec<Family>>,
    /// What is told once those before it were given.
    failed: Option<Error>,
}

impl Making {
    /// Makes the next few events; none at the end. One that cannot be made is an error, behind those
    /// before it.
    pub(crate) fn next_few(&mut self) -> Result<Vec<Recorded>> {
        let mut events = Vec::with_capacity(self.rows.len().min(FEW));
        for row in self.rows.by_ref().take(FEW) {
            let stream = self.streams.get(row.stream);
            let (Some(stream), Some(family), Some(payload)) =
                (stream, self.families.get(row.family), self.payloads.get(self.begin..row.end))
            else {
                return Err(damaged("a row has no name"));
            };
            self.begin = row.end;
            let (event, failed) = row.raw.event(stream.clone(), family.event_type.clone(), payload);
            if failed.is_some() {
                self.failed = failed;
                break;
            }
            events.push(event);
        }
        if self.failed.is_some() {
            self.rows = Vec::new().into_iter();
            if events.is_empty() {
                return self.failed.take().map_or(Ok(events), Err);
            }
        }
        Ok(events)
    }

    /// Makes all that are left.
    pub(crate) fn rest(mut self) -> Result<Vec<Recorded>> {
        let mut events = Vec::with_capacity(self.rows.len());
        loop {
            let mut few = self.next_few()?;
            if few.is_empty() {
                return Ok(events);
            }
            events.append(&mut few);
        }
    }
}
