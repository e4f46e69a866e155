//! The wire form of an event: its name and the version of its shape.

use std::fmt;

use crate::EventType;

/// The wire form of an event: its stable name and the version of its payload's shape.
///
/// ```
/// use es_core::Schema;
///
/// let opened = Schema::from_static("account.opened", 2);
/// assert_eq!(opened.name.as_str(), "account.opened");
/// assert_eq!(opened.to_string(), "account.opened (schema version 2)");
/// ```
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
        Self { name: EventType::from_static(name), version }
    }

    /// Puts the two together.
    #[must_use]
    pub const fn new(name: EventType, version: u32) -> Self {
        Self { name, version }
    }
}

/// As [`Schema::from_static`]: a name that breaks the rule is refused by what uses it.
impl From<(&'static str, u32)> for Schema {
    fn from((name, version): (&'static str, u32)) -> Self {
        Self::from_static(name, version)
    }
}

/// What the output of `derive(Event)` needs in constants. Not for use by hand.
#[doc(hidden)]
impl Schema {
    /// Copies a schema that [`Schema::from_static`] made.
    ///
    /// Only such schemas exist in constants. Of any other, which a constant cannot hold,
    /// the copy has an empty name, and that is refused by the first append.
    #[must_use]
    pub const fn static_copy(&'static self) -> Self {
        match self.name.as_static() {
            Some(name) => Self::from_static(name, self.version),
            None => Self::from_static("", self.version),
        }
    }

    /// Whether no name stands twice among schemas that [`Schema::from_static`] made.
    #[must_use]
    pub const fn each_name_once(schemas: &[Self]) -> bool {
        let mut at = 0;
        while at < schemas.len() {
            let mut other = at + 1;
            while other < schemas.len() {
                if let (Some(one), Some(two)) =
                    (schemas[at].name.as_static(), schemas[other].name.as_static())
                    && same_bytes(one.as_bytes(), two.as_bytes())
                {
                    return false;
                }
                other += 1;
            }
            at += 1;
        }
        true
    }
}

/// `==`, which is not to be had in constants.
const fn same_bytes(one: &[u8], two: &[u8]) -> bool {
    if one.len() != two.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != two[at] {
            return false;
        }
        at += 1;
    }
    true
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (schema version {})", self.name, self.version)
    }
}
