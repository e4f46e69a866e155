//! An event as the fields of an entry in a Redis stream, and back.
//!
//! Each part has a field of its own, so that programs in other languages can read it.

use bytes::Bytes;
use es_core::{
    ContentType, Envelope, Error, ErrorKind, EventId, EventType, Metadata, NewEvent, Part, Payload,
    Position, Recorded, Result, Schema, StreamId, Tags, Timestamp, Version,
};
use es_redis::Reply;

/// Fields of what is tried again and of dead letters begin with this.
pub(super) const MARK: char = '!';
pub(super) const TRIES: &str = "!tries";
pub(super) const FIRST: &str = "!first";
pub(super) const LAST: &str = "!last";
pub(super) const CAUSE: &str = "!cause";
pub(super) const PARTITION: &str = "!partition";
/// A field of events that were published as history: what set them off is long over, so
/// handling them belongs to no trace.
const HISTORY: &str = "history";

/// The fields and values of an entry.
pub(super) type Fields = Vec<(Bytes, Bytes)>;

pub(super) fn encode(event: &Recorded, is_history: bool) -> Result<Fields> {
    let mut fields: Fields = Vec::with_capacity(13);
    let mut put = |name: &'static str, value: Bytes| {
        fields.push((Bytes::from_static(name.as_bytes()), value))
    };
    put("id", event.id.to_string().into());
    put("type", event.schema.name.to_string().into());
    put("schema", event.schema.version.to_string().into());
    put("stream", event.stream.to_string().into());
    put("version", event.version.to_string().into());
    put("position", event.position.get().to_string().into());
    put("recorded", event.recorded_at.as_micros().to_string().into());
    put("metadata", json(&event.metadata)?);
    if !event.tags.is_empty() {
        let tags: Vec<&str> = event.tags.iter().map(es_core::Tag::as_str).collect();
        put("tags", json(&tags)?);
    }
    if let Part::Split { index, of, last } = event.part {
        put("part", format!("{index}/{of}/{last}").into());
    }
    if is_history {
        put(HISTORY, Bytes::from_static(b"1"));
    }
    put("content", event.payload.content_type().as_str().to_owned().into());
    put("payload", event.payload.bytes().clone());
    Ok(fields)
}

fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<Bytes> {
    let written = serde_json::to_vec(value);
    Ok(written.map_err(|error| Error::fault("an event cannot be written as JSON", error))?.into())
}

/// The number of the part, which is the second half of an entry's id.
pub(super) fn part_of(event: &Recorded) -> u16 {
    match event.part {
        Part::Split { index, .. } => index,
        _ => 0,
    }
}

/// Where an event is in its partition: `position-part`.
pub(super) fn place_of(event: &Recorded) -> String {
    format!("{}-{}", event.position.get(), part_of(event))
}

/// An entry of a stream: its id and its fields.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) fields: Fields,
}

impl Entry {
    /// Reads one entry; `None` for one that was deleted meanwhile.
    pub(super) fn read(reply: Reply) -> es_redis::Result<Option<Self>> {
        let what = "an entry of a stream";
        if reply.is_nil() {
            return Ok(None);
        }
        let mut parts = reply.array(what)?.into_iter();
        let (Some(id), Some(fields)) = (parts.next(), parts.next()) else {
            return Err(es_redis::Error::unexpected(what));
        };
        if fields.is_nil() {
            return Ok(None);
        }
        let mut pairs = Vec::new();
        let mut values = fields.array(what)?.into_iter();
        while let (Some(name), Some(value)) = (values.next(), values.next()) {
            pairs.push((name.bytes(what)?, value.bytes(what)?));
        }
        Ok(Some(Self { id: id.text(what)?, fields: pairs }))
    }

    pub(super) fn read_all(reply: Reply) -> es_redis::Result<Vec<Self>> {
        let entries = reply.array("entries of a stream")?.into_iter();
        entries.filter_map(|entry| Self::read(entry).transpose()).collect()
    }

    pub(super) fn field(&self, name: &str) -> Option<&Bytes> {
        self.fields.iter().find(|(known, _)| known == name.as_bytes()).map(|(_, value)| value)
    }

    pub(super) fn number(&self, name: &str) -> Option<i64> {
        std::str::from_utf8(self.field(name)?).ok()?.parse().ok()
    }

    pub(super) fn text(&self, name: &str) -> Result<&str> {
        let value = self.field(name).ok_or_else(|| self.broken(name))?;
        std::str::from_utf8(value).map_err(|_| self.broken(name))
    }

    fn parsed<T: std::str::FromStr>(&self, name: &str) -> Result<T> {
        self.text(name)?.parse().map_err(|_| self.broken(name))
    }

    fn broken(&self, name: &str) -> Error {
        let message = format!("entry {} has no proper field {name:?}: who wrote it?", self.id);
        Error::new(ErrorKind::Undecodable, message)
    }

    /// Whether it was published as history.
    pub(super) fn is_history(&self) -> bool {
        self.field(HISTORY).is_some()
    }

    /// The event that it is of.
    pub(super) fn event(&self) -> Result<Recorded> {
        let schema = Schema::new(EventType::new(self.text("type")?)?, self.parsed("schema")?);
        let content = ContentType::new(self.text("content")?)?;
        let payload = self.field("payload").ok_or_else(|| self.broken("payload"))?;
        let metadata: Metadata = serde_json::from_str(self.text("metadata")?)
            .map_err(|error| self.broken("metadata").with_source(error))?;
        let tags: Tags = match self.field("tags") {
            None => Tags::NONE,
            Some(tags) => {
                let tags: Vec<es_core::Tag> = serde_json::from_slice(tags)
                    .map_err(|error| self.broken("tags").with_source(error))?;
                tags.into_iter().collect()
            }
        };
        let id: EventId = self.parsed("id")?;
        let payload = Payload::stored(content, payload.clone());
        let event = NewEvent::known(id, schema, payload).with_metadata(metadata).with_tags(tags);
        let stream: StreamId = self.parsed("stream")?;
        let version = Version::new(self.parsed("version")?)?;
        let position = Position::new(self.parsed("position")?);
        let recorded_at = Timestamp::from_micros(self.parsed("recorded")?);
        let mut envelope = Envelope::record(event, stream, version, position, recorded_at);
        if let Some(part) = self.field("part") {
            let part = std::str::from_utf8(part).unwrap_or_default();
            let mut parts = part.split('/');
            let mut next = || parts.next().ok_or_else(|| self.broken("part"));
            envelope.part = Part::Split {
                index: next()?.parse().map_err(|_| self.broken("part"))?,
                of: next()?.parse().map_err(|_| self.broken("part"))?,
                last: next()?.parse().map_err(|_| self.broken("part"))?,
            };
        }
        Ok(envelope.into())
    }

    /// The fields of the event alone, without what was noted of its failures.
    pub(super) fn plain(&self) -> Fields {
        let is_plain = |name: &Bytes| name.first() != Some(&(MARK as u8));
        self.fields.iter().filter(|(name, _)| is_plain(name)).cloned().collect()
    }
}

/// A field of what was noted of failures.
pub(super) fn note(name: &'static str, value: impl ToString) -> (Bytes, Bytes) {
    (Bytes::from_static(name.as_bytes()), value.to_string().into())
}
