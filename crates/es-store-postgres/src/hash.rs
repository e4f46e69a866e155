//! Numbers for names, that a writer knows without asking.
//!
//! *Hazard.* Rows that hold names in full are large, and numbers that the database gives
//! have to be looked up before each append; kept by a client, they would be wrong after a
//! restore. *Mechanism.* A stream is known by the first 16 bytes of the SHA-256 of its
//! name, a family by 8. *Why it is sound.* Each event keeps its key and each family its
//! names: an append compares them, so two names with one hash are an error and never mixed.
//! *Cost.* Two such names cannot both be used; chance does not bring them about.

use es_core::{EventType, StreamId};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What stands for a stream in the tables: `es_stream(tenant, category, key)` in SQL.
pub(crate) fn stream(stream: &StreamId) -> Uuid {
    let hash = hash([tenant(stream), stream.category().as_str(), stream.key().as_str()]);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Uuid::from_bytes(bytes)
}

/// What stands for the events of one type in one category of one tenant.
pub(crate) fn family(stream: &StreamId, event_type: &EventType) -> i64 {
    let hash = hash([tenant(stream), stream.category().as_str(), event_type.as_str()]);
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash[..8]);
    i64::from_be_bytes(bytes)
}

/// The tenant of a stream as the tables have it: the empty text for none.
pub(crate) fn tenant(stream: &StreamId) -> &str {
    stream.tenant().map_or("", |tenant| tenant.as_str())
}

/// No name holds a zero byte, so it keeps them apart.
fn hash(names: [&str; 3]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (at, name) in names.into_iter().enumerate() {
        if at > 0 {
            hash.update([0]);
        }
        hash.update(name);
    }
    hash.finalize().into()
}
