//! The limits of the contract (L10): the same on every store, checked before anything is
//! written.

/// Bytes of an event type's name.
pub const MAX_EVENT_TYPE_BYTES: usize = 128;

/// Bytes of a category.
pub const MAX_CATEGORY_BYTES: usize = 64;

/// Bytes of a tenant.
pub const MAX_TENANT_BYTES: usize = 64;

/// Bytes of a stream's key.
pub const MAX_KEY_BYTES: usize = 512;

/// Bytes of the name of a subscriber.
pub const MAX_SUBSCRIBER_NAME_BYTES: usize = 128;

/// Bytes of a tag, its name and the colon included.
pub const MAX_TAG_BYTES: usize = 256;

/// Tags on one event.
pub const MAX_TAGS_PER_EVENT: usize = 32;

/// Bytes of one event's payload: 1 MiB.
pub const MAX_PAYLOAD_BYTES: usize = 1 << 20;

/// Levels that a payload of JSON, and metadata as a whole, may nest. serde_json, which reads
/// them, stops at 127.
pub const MAX_JSON_NESTING: usize = 120;

/// Bytes of one event's metadata as JSON: 16 KiB.
///
/// Measured as the writer gave it. An event that has no correlation id gets one when it is
/// appended, which comes on top: about 56 bytes of JSON. Whoever stores metadata in a column
/// or a message of fixed size leaves room for it.
pub const MAX_METADATA_BYTES: usize = 16 << 10;

/// Events in one append, over all of its streams.
pub const MAX_EVENTS_PER_APPEND: usize = 1_000;

/// Bytes of payloads in one append: 4 MiB.
pub const MAX_APPEND_BYTES: usize = 4 << 20;

/// Streams in one append, written or required.
pub const MAX_STREAMS_PER_APPEND: usize = 256;

/// `unless` conditions in one append.
pub const MAX_CONDITIONS_PER_APPEND: usize = 16;

/// Names and tags in one query, over all of its alternatives.
pub const MAX_QUERY_TERMS: usize = 128;
