//! Input that breaks a rule or a limit: each with its value and the remedy.

use crate::{BrokenChain, EventId, EventType, StreamId, Tenant, Version, limits};

/// Input that breaks a rule or a limit. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// A name has no characters.
    #[error("the {what} is empty: name it")]
    EmptyName {
        /// What was to be named.
        what: &'static str,
    },
    /// A name is too long.
    #[error("the {what} {name:?} has {len} bytes; at most {max} are allowed")]
    NameTooLong {
        /// What was to be named.
        what: &'static str,
        /// The head of the name.
        name: String,
        /// Its length in bytes.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// A name holds a character that it may not hold.
    #[error("the {what} {name:?} holds the reserved character {found:?}: leave it out")]
    ReservedCharacter {
        /// What was to be named.
        what: &'static str,
        /// The name.
        name: String,
        /// The character.
        found: char,
    },
    /// A text is no stream name.
    #[error("{text:?} is no stream: write category/key or tenant@category/key")]
    StreamName {
        /// The text.
        text: String,
    },
    /// A text is no tag.
    #[error("{text:?} is no tag: write name:value, neither of them empty")]
    Tag {
        /// The text.
        text: String,
    },
    /// A text is no media type.
    #[error("{text:?} is no content type: write a media type such as application/cbor")]
    ContentType {
        /// The text.
        text: String,
    },
    /// A text is no event id.
    #[error("{text:?} is no event id: write a UUID")]
    EventId {
        /// The text.
        text: String,
    },
    /// A text is no moment.
    #[error("{text:?} is no timestamp: write it as RFC 3339, as in 2026-01-31T12:00:00Z")]
    Timestamp {
        /// The text.
        text: String,
    },
    /// A number is no version.
    #[error("{number} is no version: versions run from 1 to {}", Version::MAX)]
    Version {
        /// The number.
        number: u64,
    },
    /// A schema has version 0.
    #[error("the schema version of {event_type} is 0: schema versions start at 1")]
    SchemaVersion {
        /// The event type.
        event_type: EventType,
    },
    /// A payload cannot be written, or is not what its content type says.
    #[error("the payload cannot be stored: {reason}")]
    Payload {
        /// What is wrong with it.
        reason: String,
    },
    /// Two event types of a registry have one name.
    #[error(
        "event type {event_type} is claimed by {first} and by {second}: name one of them \
         otherwise; known are: {}",
        join(known)
    )]
    DuplicateEventType {
        /// The name.
        event_type: EventType,
        /// The Rust type that had it first.
        first: &'static str,
        /// The Rust type that wants it too.
        second: &'static str,
        /// All names that are known.
        known: Vec<EventType>,
    },
    /// An append has no event for a stream that it writes.
    #[error("the append has no event for stream {stream}: add one, or use `require` for it")]
    EmptyAppend {
        /// The stream.
        stream: StreamId,
    },
    /// A stream is named more than once in an append.
    #[error("stream {stream} is named twice in one append: name it once, with all its events")]
    StreamTwice {
        /// The stream.
        stream: StreamId,
    },
    /// An event id stands more than once in an append.
    #[error("event id {event} stands twice in one append: every event has its own id")]
    EventTwice {
        /// The id.
        event: EventId,
    },
    /// There are too many of something.
    #[error("{count} {what}; at most {max} are allowed: split them")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// One event is too large.
    #[error(
        "the {what} of event {event} has {size} bytes; at most {max} are allowed: \
         keep large objects elsewhere and store a reference"
    )]
    EventTooLarge {
        /// The event.
        event: EventId,
        /// Which part of it.
        what: &'static str,
        /// How large it is.
        size: usize,
        /// The limit.
        max: usize,
    },
    /// All payloads of an append together are too large.
    #[error(
        "the payloads of the append have {size} bytes together; at most {} are allowed: \
         split it",
        limits::MAX_APPEND_BYTES
    )]
    AppendTooLarge {
        /// How large they are.
        size: usize,
    },
    /// A stream or an event belongs to another tenant.
    #[error("stream {stream} belongs to {}, but this is for {}", whose(found), whose(expected))]
    TenantMismatch {
        /// The stream.
        stream: StreamId,
        /// The tenant that was expected.
        expected: Option<Tenant>,
        /// The tenant that was found.
        found: Option<Tenant>,
    },
    /// An event that was recorded in one stream is applied to another.
    #[error("an event of stream {found} was given to {expected}")]
    ForeignEvent {
        /// The stream that was expected.
        expected: StreamId,
        /// The stream that the event was recorded in.
        found: StreamId,
    },
    /// An event is not the next one of its stream.
    #[error("stream {stream} goes on with version {expected}, but {found} was given")]
    VersionGap {
        /// The stream.
        stream: StreamId,
        /// The version that was to come next.
        expected: Version,
        /// The version that came.
        found: Version,
    },
    /// A set of upcasters cannot be built.
    #[error(transparent)]
    Upcasters(#[from] BrokenChain),
    /// The parts of a split event are not whole, or not in order.
    #[error(
        "version {version} of stream {stream} goes on with part {expected}, counted from 0,          but another was given, or none: read the stream whole, and not by type"
    )]
    PartGap {
        /// The stream.
        stream: StreamId,
        /// The version of the event.
        version: Version,
        /// The part that was to come next.
        expected: u16,
    },
    /// A read asks for things that exclude each other.
    #[error("the read cannot be done: {reason}")]
    Read {
        /// What excludes what.
        reason: &'static str,
    },
    /// A setting is out of its range.
    #[error("{setting} cannot be {value}: {remedy}")]
    Setting {
        /// Which setting.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        remedy: &'static str,
    },
}

fn whose(tenant: &Option<Tenant>) -> String {
    tenant.as_ref().map_or_else(|| "no tenant".to_owned(), |tenant| format!("tenant {tenant}"))
}

fn join(names: &[EventType]) -> String {
    names.iter().map(EventType::as_str).collect::<Vec<_>>().join(", ")
}
