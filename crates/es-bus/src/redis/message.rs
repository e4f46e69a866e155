//! An event as the fields of an entry in a Redis stream, and back.
//!
//! *Cost.* Client and server pay per field and hardly per byte, so what is short stands in one
//! line, and only what somebody may look for or take as it is has a field of its own:
//!
//! | field | value |
//! |---|---|
//! | `event` | `<id> <schema version> <version> <position> <recorded, in us> <content type>`, and `history` behind it where it was published as such |
//! | `type`, `stream` | names |
//! | `metadata` | JSON |
//! | `tags` | JSON, if there are any |
//! | `part` | `<index>/<of>/<last>`, if an upcaster has split the event |
//! | `payload` | the bytes |

use std::fmt::{self, Write as _};

use bytes::{BufMut, Bytes, BytesMut};
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
/// Stands in a dead letter behind which nothing waits. Those of former versions have none.
pub(super) const ALONE: &str = "!alone";
/// The last word of the first field of events that were published as history: what set them off
/// is long over, so handling them belongs to no trace.
const HISTORY: &str = "history";
const EVENT: &str = "event";

/// The fields and values of an entry.
pub(super) type Fields = Vec<(Bytes, Bytes)>;

/// Values that are written one behind the other into one buffer: a buffer for each would cost
/// more than the writing.
#[derive(Default)]
pub(super) struct Written(BytesMut);

impl Written {
    /// With room for so many bytes, so that writing them moves none.
    pub(super) fn with_room(bytes: usize) -> Self {
        Self(BytesMut::with_capacity(bytes))
    }

    /// Writes one value.
    pub(super) fn put(&mut self, value: impl fmt::Display) -> Bytes {
        // Writing to a buffer that grows cannot fail.
        let _ = write!(self.0, "{value}");
        self.0.split().freeze()
    }

    fn json<T: serde::Serialize + ?Sized>(&mut self, value: &T) -> Result<Bytes> {
        let written = serde_json::to_writer((&mut self.0).writer(), value);
        written.map_err(|error| Error::fault("an event cannot be written as JSON", error))?;
        Ok(self.0.split().freeze())
    }
}

pub(super) fn encode(event: &Recorded, is_history: bool, written: &mut Written) -> Result<Fields> {
    let mut fields: Fields = Vec::with_capacity(7);
    let mut put = |name: &'static str, value: Bytes| {
        fields.push((Bytes::from_static(name.as_bytes()), value))
    };
    let (schema, recorded) = (event.schema.version, event.recorded_at.as_micros());
    put(
        EVENT,
        written.put(format_args!(
            "{} {schema} {} {} {recorded} {}{}",
            event.id,
            event.version,
            event.position.get(),
            event.payload.content_type().as_str(),
            if is_history { " history" } else { "" }
        )),
    );
    put("type", written.put(&event.schema.name));
    put("stream", written.put(&event.stream));
    put("metadata", written.json(&event.metadata)?);
    if !event.tags.is_empty() {
        let tags: Vec<&str> = event.tags.iter().map(es_core::Tag::as_str).collect();
        put("tags", written.json(&tags)?);
    }
    if let Part::Split { index, of, last } = event.part {
        put("part", written.put(format_args!("{index}/{of}/{last}")));
    }
    put("payload", event.payload.bytes().clone());
    Ok(fields)
}

/// The name of the stream, as it stands in the fields of an event.
pub(super) fn stream_of(fields: &Fields) -> &[u8] {
    let stream = fields.iter().find(|(name, _)| name == "stream".as_bytes());
    stream.map_or(&[], |(_, stream)| stream)
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

    /// How large its names and values are.
    pub(super) fn bytes(&self) -> usize {
        self.fields.iter().map(|(name, value)| name.len() + value.len()).sum()
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
        self.text(EVENT).is_ok_and(|words| words.split(' ').nth(6) == Some(HISTORY))
    }

    /// The event that it is of.
    pub(super) fn event(&self) -> Result<Recorded> {
        let mut words = Words(self, self.text(EVENT)?.split(' '));
        let id: EventId = words.parsed()?;
        let schema = Schema::new(EventType::new(self.text("type")?)?, words.parsed()?);
        let version = Version::new(words.parsed()?)?;
        let position = Position::new(words.parsed()?);
        let recorded_at = Timestamp::from_micros(words.parsed()?);
        let content = ContentType::new(words.next()?)?;
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
        let payload = Payload::stored(content, payload.clone());
        let event = NewEvent::known(id, schema, payload).with_metadata(metadata).with_tags(tags);
        let stream: StreamId = self.parsed("stream")?;
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

/// What stands in the first field of an entry.
struct Words<'a>(&'a Entry, std::str::Split<'a, char>);

impl<'a> Words<'a> {
    fn next(&mut self) -> Result<&'a str> {
        self.1.next().ok_or_else(|| self.0.broken(EVENT))
    }

    fn parsed<T: std::str::FromStr>(&mut self) -> Result<T> {
        self.next()?.parse().map_err(|_| self.0.broken(EVENT))
    }
}

/// A field of what was noted of failures.
pub(super) fn note(name: &'static str, value: impl ToString) -> (Bytes, Bytes) {
    (Bytes::from_static(name.as_bytes()), value.to_string().into())
}
