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
    BoxError, ContentType, Envelope, Error, EventId, EventType, Metadata, NewEvent, Payload,
    Position, Recorded, Result, Schema, StreamId, Tag, Timestamp, Version,
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

/// Makes events of records; those of one type that come together share its name.
#[derive(Default)]
pub(crate) struct Decoder {
    last: Option<EventType>,
}

impl Decoder {
    /// The event that a record tells of, at this place of its stream.
    pub(crate) fn event(
        &mut self,
        record: Bytes,
        stream: &StreamId,
        version: Version,
    ) -> Result<Recorded> {
        Reader(record).event(&mut self.last, stream, version).map_err(damaged)
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

struct Reader(Bytes);

impl Reader {
    fn event(
        &mut self,
        last: &mut Option<EventType>,
        stream: &StreamId,
        version: Version,
    ) -> Result<Recorded, BoxError> {
        let position = Position::new(self.number()?);
        let at = Timestamp::from_micros(i64::try_from(self.number()?)?);
        let id = EventId::from_uuid(self.uuid()?);
        let schema_version = self.bytes(4)?.get_u32();
        let flags = self.bytes(1)?.get_u8();
        let name = self.text()?;
        let name = match last {
            Some(last) if last.as_str().as_bytes() == name => last.clone(),
            _ => last.insert(EventType::new(std::str::from_utf8(&name)?)?).clone(),
        };
        let schema = Schema::new(name, schema_version);
        let has = |flag| flags & flag != 0;
        let correlation = if has(CORRELATION) { self.uuid()? } else { id.as_uuid() };
        let causation = if has(CAUSATION) { Some(self.uuid()?) } else { None };
        let rest = if has(METADATA) { Some(self.text()?) } else { None };
        let mut tags = Vec::new();
        if has(TAGS) {
            for _ in 0..self.bytes(2)?.get_u16() {
                tags.push(std::str::from_utf8(&self.text()?)?.parse::<Tag>()?);
            }
        }
        let content_type = match has(CONTENT_TYPE) {
            true => ContentType::new(std::str::from_utf8(&self.text()?)?)?,
            false => ContentType::JSON,
        };
        let payload = Payload::stored(content_type, std::mem::take(&mut self.0));
        let mut event = NewEvent::known(id, schema, payload);
        let metadata = match rest {
            Some(rest) => serde_json::from_slice(&rest)?,
            None => Metadata::new(),
        };
        event.metadata = metadata.with_correlation_id(correlation);
        if let Some(causation) = causation {
            event.metadata = event.metadata.with_causation_id(causation);
        }
        if !tags.is_empty() {
            event.tags = tags.into_iter().collect();
        }
        let envelope = Envelope::record(event, stream.clone(), version, position, at);
        Ok(Recorded::new(Arc::new(envelope)))
    }

    fn bytes(&mut self, count: usize) -> Result<Bytes, BoxError> {
        if self.0.len() < count {
            return Err("a record ends too early".into());
        }
        Ok(self.0.split_to(count))
    }

    fn number(&mut self) -> Result<u64, BoxError> {
        Ok(self.bytes(8)?.get_u64())
    }

    fn uuid(&mut self) -> Result<Uuid, BoxError> {
        Ok(Uuid::from_slice(&self.bytes(16)?)?)
    }

    fn text(&mut self) -> Result<Bytes, BoxError> {
        let length = usize::from(self.bytes(2)?.get_u16());
        self.bytes(length)
    }
}

#[cfg(test)]
mod tests;
