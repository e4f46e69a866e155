//! What a stream's list holds of one event, as bytes.
//!
//! Position and time (8 bytes each) are put in front by the script that appends; then come
//! the id, the version of the schema, a byte of flags, the type, and what the flags say, with
//! the payload at the end. Version and stream are told by the place. Numbers are big-endian;
//! texts have their length in front. A position is far below 2^56, so a record begins with a
//! zero byte and is never taken for a word.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use es_core::{
    BareEvent, BoxError, ContentType, Envelope, Error, EventId, EventType, Metadata, NewEvent,
    Payload, Position, Recorded, Result, Schema, StreamId, Tag, Timestamp, Version,
};
use uuid::Uuid;

const CORRELATION: u8 = 1;
const CAUSATION: u8 = 2;
const METADATA: u8 = 4;
const TAGS: u8 = 8;
const CONTENT_TYPE: u8 = 16;

/// What the event's writer knows of it.
pub(crate) fn encode(event: &NewEvent) -> Result<Bytes> {
    let metadata = &event.metadata;
    let correlation = metadata.correlation_id().filter(|id| *id != event.id.as_uuid());
    let causation = metadata.causation_id();
    let rest = rest(metadata)?;
    let content_type = event.payload.content_type();
    let mut flags = 0;
    let set = [
        (CORRELATION, correlation.is_some()),
        (CAUSATION, causation.is_some()),
        (METADATA, rest.is_some()),
        (TAGS, !event.tags.is_empty()),
        (CONTENT_TYPE, *content_type != ContentType::JSON),
    ];
    for (flag, _) in set.into_iter().filter(|(_, is_set)| *is_set) {
        flags |= flag;
    }
    let mut out = BytesMut::with_capacity(128 + event.payload.bytes().len());
    out.put_slice(event.id.as_uuid().as_bytes());
    out.put_u32(event.schema.version);
    out.put_u8(flags);
    put(&mut out, event.schema.name.as_str().as_bytes());
    for id in [correlation, causation].into_iter().flatten() {
        out.put_slice(id.as_bytes());
    }
    if let Some(rest) = rest {
        put(&mut out, &rest);
    }
    if !event.tags.is_empty() {
        out.put_u16(u16::try_from(event.tags.len()).map_err(damaged)?);
        event.tags.iter().for_each(|tag| put(&mut out, tag.as_str().as_bytes()));
    }
    if *content_type != ContentType::JSON {
        put(&mut out, content_type.as_str().as_bytes());
    }
    out.put_slice(event.payload.bytes());
    Ok(out.freeze())
}

/// Names of types that a [`Decoder`] knows at a time: those of one aggregate, mostly.
const NAMES: usize = 16;

/// Makes events of records; those of one type share its name.
#[derive(Default)]
pub(crate) struct Decoder {
    names: Names,
}

/// Names of types that were met. Looking at a few is cheaper than checking and keeping the
/// same name again.
#[derive(Default)]
struct Names {
    known: Vec<EventType>,
    /// Where the next one goes once there is no more room.
    next: usize,
}

impl Names {
    fn of(&mut self, name: &[u8]) -> Result<EventType, BoxError> {
        if let Some(known) = self.known.iter().find(|known| known.as_str().as_bytes() == name) {
            return Ok(known.clone());
        }
        let new = EventType::new(std::str::from_utf8(name)?)?;
        match self.known.get_mut(self.next % NAMES) {
            Some(old) => *old = new.clone(),
            None => self.known.push(new.clone()),
        }
        self.next = (self.next + 1) % NAMES;
        Ok(new)
    }
}

impl Decoder {
    /// The event that a record tells of, at this place of its stream.
    pub(crate) fn event(
        &mut self,
        mut record: Bytes,
        stream: &StreamId,
        version: Version,
    ) -> Result<Recorded> {
        let mut reader = Reader(&record);
        let head = reader.event(&mut self.names).map_err(damaged)?;
        let before = record.len() - reader.0.len();
        record.advance(before);
        Ok(head.recorded(stream, version, record))
    }

    /// What a fold needs of the event that a record tells of. The payload is the end of the
    /// record itself.
    pub(crate) fn bare(&mut self, mut record: Bytes, version: Version) -> Result<BareEvent> {
        let mut reader = Reader(&record);
        let (start, content_type) = reader.bare(&mut self.names).map_err(damaged)?;
        let before = record.len() - reader.0.len();
        record.advance(before);
        let Start { id, position, schema, .. } = start;
        let payload = Payload::stored(content_type, record);
        Ok(BareEvent::new(id, version, position, schema, payload))
    }
}

/// A key of the log holds what no release of this crate writes.
pub(crate) fn damaged(what: impl Into<BoxError>) -> Error {
    Error::fault("the keys of the log hold what no release of this crate writes", what)
}

/// The metadata besides the two ids; mostly nothing.
fn rest(metadata: &Metadata) -> Result<Option<Vec<u8>>> {
    let rest = metadata.clone().with_correlation_id(Uuid::nil()).with_causation_id(Uuid::nil());
    if rest == Metadata::new() {
        return Ok(None);
    }
    serde_json::to_vec(&rest).map(Some).map_err(damaged)
}

fn put(out: &mut BytesMut, text: &[u8]) {
    // The longest text is metadata, and the limit of that is a quarter of this.
    out.put_u16(u16::try_from(text.len()).unwrap_or(u16::MAX));
    out.put_slice(text);
}

/// What is left of a record. It borrows: sharing the buffer piece by piece would count
/// references up and down a dozen times for each event.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The event without its payload, which is the rest.
    fn event(&mut self, names: &mut Names) -> Result<Head, BoxError> {
        let start = self.start(names)?;
        let correlation = if start.has(CORRELATION) { self.uuid()? } else { start.id.as_uuid() };
        let causation = if start.has(CAUSATION) { Some(self.uuid()?) } else { None };
        let metadata = match start.has(METADATA) {
            true => serde_json::from_slice(self.text()?)?,
            false => Metadata::new(),
        };
        let mut metadata = metadata.with_correlation_id(correlation);
        if let Some(causation) = causation {
            metadata = metadata.with_causation_id(causation);
        }
        let mut tags = Vec::new();
        if start.has(TAGS) {
            for _ in 0..u16::from_be_bytes(self.array()?) {
                tags.push(std::str::from_utf8(self.text()?)?.parse::<Tag>()?);
            }
        }
        let content_type = self.content_type(&start)?;
        Ok(Head { start, metadata, tags, content_type })
    }

    /// Passes over what a fold has no use for, up to the payload.
    fn bare(&mut self, names: &mut Names) -> Result<(Start, ContentType), BoxError> {
        let start = self.start(names)?;
        let ids = usize::from(start.has(CORRELATION)) + usize::from(start.has(CAUSATION));
        self.bytes(ids * size_of::<Uuid>())?;
        if start.has(METADATA) {
            self.text()?;
        }
        if start.has(TAGS) {
            for _ in 0..u16::from_be_bytes(self.array()?) {
                self.text()?;
            }
        }
        let content_type = self.content_type(&start)?;
        Ok((start, content_type))
    }

    fn start(&mut self, names: &mut Names) -> Result<Start, BoxError> {
        let position = Position::new(self.number()?);
        let at = Timestamp::from_micros(i64::try_from(self.number()?)?);
        let id = EventId::from_uuid(self.uuid()?);
        let schema_version = u32::from_be_bytes(self.array()?);
        let [flags] = self.array()?;
        let schema = Schema::new(names.of(self.text()?)?, schema_version);
        Ok(Start { position, at, id, schema, flags })
    }

    fn content_type(&mut self, start: &Start) -> Result<ContentType, BoxError> {
        Ok(match start.has(CONTENT_TYPE) {
            true => ContentType::new(std::str::from_utf8(self.text()?)?)?,
            false => ContentType::JSON,
        })
    }

    fn bytes(&mut self, count: usize) -> Result<&'a [u8], BoxError> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or("a record ends too early")?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], BoxError> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or("a record ends too early")?;
        self.0 = rest;
        Ok(*bytes)
    }

    fn number(&mut self) -> Result<u64, BoxError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    fn uuid(&mut self) -> Result<Uuid, BoxError> {
        Ok(Uuid::from_bytes(self.array()?))
    }

    fn text(&mut self) -> Result<&'a [u8], BoxError> {
        let length = u16::from_be_bytes(self.array()?);
        self.bytes(usize::from(length))
    }
}

/// What every record begins with.
struct Start {
    position: Position,
    at: Timestamp,
    id: EventId,
    schema: Schema,
    flags: u8,
}

impl Start {
    const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// What comes before the payload.
struct Head {
    start: Start,
    metadata: Metadata,
    tags: Vec<Tag>,
    content_type: ContentType,
}

impl Head {
    fn recorded(self, stream: &StreamId, version: Version, payload: Bytes) -> Recorded {
        let Start { position, at, id, schema, .. } = self.start;
        let payload = Payload::stored(self.content_type, payload);
        let mut event = NewEvent::known(id, schema, payload);
        event.metadata = self.metadata;
        if !self.tags.is_empty() {
            event.tags = self.tags.into_iter().collect();
        }
        let stream = stream.clone();
        Recorded::new(Arc::new(Envelope::record(event, stream, version, position, at)))
    }
}

#[cfg(test)]
mod tests;
