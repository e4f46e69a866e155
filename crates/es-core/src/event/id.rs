//! The identity of an event, chosen by its writer.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Error, Invalid, Result};

/// The identity of an event, chosen by its writer and unique in the log.
///
/// It is what makes a retry safe: the same ids appended again are recognised.
///
/// ```
/// use es_core::EventId;
///
/// let id = EventId::new();
/// assert_eq!(id.to_string().parse::<EventId>()?, id);
/// // Drawn later, sorted later: what is inserted comes at the end of an index.
/// assert!(EventId::new() > id);
/// # Ok::<(), es_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(Uuid);

impl EventId {
    /// Draws a new identity: a UUID of version 7 (RFC 9562), which grows with time and so
    /// keeps the stores' indexes compact.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default that differs each time surprises")]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// Derives an identity from what the event is about: the same `parts` of the same
    /// `namespace` give the same id (a UUID of version 5, RFC 9562), so that importing
    /// something twice adds nothing.
    ///
    /// The parts are kept apart: `["ab", "c"]` and `["a", "bc"]` give two ids.
    ///
    /// ```
    /// use es_core::EventId;
    ///
    /// const IMPORT: uuid::Uuid = uuid::Uuid::from_u128(0x5d1f_0b3c_88a1_4d7e_9d53_0c44_61f5_2a90);
    /// let id = EventId::derived(IMPORT, ["invoice", "2024-117", "paid"]);
    /// assert_eq!(id, EventId::derived(IMPORT, ["invoice", "2024-117", "paid"]));
    /// ```
    #[must_use]
    pub fn derived<P: AsRef<[u8]>>(namespace: Uuid, parts: impl IntoIterator<Item = P>) -> Self {
        let mut name = Vec::new();
        for part in parts {
            let part = part.as_ref();
            // As 64 bits on every machine, so that an id does not depend on where it is made.
            let len = u64::try_from(part.len()).unwrap_or(u64::MAX);
            name.extend_from_slice(&len.to_be_bytes());
            name.extend_from_slice(part);
        }
        Self(Uuid::new_v5(&namespace, &name))
    }

    /// Takes an identity that was chosen elsewhere.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The identity as a UUID.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for EventId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl From<EventId> for Uuid {
    fn from(id: EventId) -> Self {
        id.0
    }
}

impl FromStr for EventId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match Uuid::parse_str(text) {
            Ok(uuid) => Ok(Self(uuid)),
            Err(_) => Err(Invalid::EventId { text: text.to_owned() }.into()),
        }
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
