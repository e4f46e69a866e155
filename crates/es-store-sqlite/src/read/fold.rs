//! What a fold needs of the rows of a page.
//!
//! The payloads of a page lie one behind the other in one piece of memory that the events
//! share: who folds lets go of all of them at once, so nothing is kept for one of them alone.

use bytes::Bytes;
use es_core::{BareEvent, EventId, Payload, Position, Result, Schema, Version};
use rusqlite::{Connection, Row};

use super::{
    names::Names,
    row::{Place, content_type, id, payload, schema_version, unsigned},
};

/// The rows of a page, for a fold.
#[derive(Default)]
pub(super) struct FoldRows {
    /// Still without their bytes.
    events: Vec<BareEvent>,
    payloads: Vec<u8>,
    /// Where each payload ends, and the next begins.
    ends: Vec<usize>,
}

impl FoldRows {
    pub(super) fn push(
        &mut self,
        row: &Row<'_>,
        place: &Place,
        names: &mut Names,
        connection: &Connection,
    ) -> Result<()> {
        let name = names.event_type(connection, place.family)?;
        self.events.push(BareEvent::new(
            EventId::from_uuid(id(row)?),
            Version::new(unsigned(place.version)?)?,
            Position::new(unsigned(place.position)?),
            Schema::new(name, schema_version(row)?),
            Payload::stored(content_type(row)?, Bytes::new()),
        ));
        self.payloads.extend_from_slice(payload(row)?);
        self.ends.push(self.payloads.len());
        Ok(())
    }

    /// How many bytes the payloads take.
    pub(super) const fn bytes(&self) -> usize {
        self.payloads.len()
    }

    /// The events, whole.
    pub(super) fn into_events(self) -> Vec<BareEvent> {
        let Self { mut events, payloads, ends } = self;
        let payloads = Bytes::from(payloads);
        let mut begin = 0;
        for (event, end) in events.iter_mut().zip(ends) {
            event.payload = event.payload.with_bytes(payloads.slice(begin..end));
            begin = end;
        }
        events
    }
}
