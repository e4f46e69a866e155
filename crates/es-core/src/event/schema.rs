//! The wire form of an event: its name and the version of its shape.

use std::fmt;

use crate::EventType;

/// The wire form of an event: its stable name and the version of its payload's shape.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Schema {
    /// The stable name.
    pub name: EventType,
    /// The version of the payload's shape, from 1.
    pub version: u32,
}

impl Schema {
    /// A schema that is known when the program is written.
    #[must_use]
    pub const fn from_static(name: &'static str, version: u32) -> Self {
        Self {
            name: EventType::from_static(name),
            version,
        }
    }

    /// Puts the two together.
    #[must_use]
    pub const fn new(name: EventType, version: u32) -> Self {
        Self { name, version }
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (schema version {})", self.name, self.version)
    }
}
