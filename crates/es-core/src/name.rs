//! Names: what an event type, a category and a tenant may be called.
//!
//! One rule for the three, so that a name that one backend takes is taken by all, and so
//! that `tenant@category/key` can be parsed back without escapes.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    Error, Invalid, Result, limits,
    text::{Text, Thin},
};

/// Checks `text` against the rule for names: 1 to `max` bytes; letters, digits, `_`, `-`
/// and `.`; the first a letter, a digit or `_`.
fn check(what: &'static str, text: &str, max: usize) -> Result<(), Invalid> {
    if text.is_empty() {
        return Err(Invalid::EmptyName { what });
    }
    if text.len() > max {
        return Err(Invalid::NameTooLong { what, name: shorten(text), len: text.len(), max });
    }
    // Nearly all names are of these bytes, and need no look at characters: an append checks the
    // name of each of its events.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if text.bytes().all(is_plain) && !text.starts_with(['-', '.']) {
        return Ok(());
    }
    let reserved = text
        .char_indices()
        .find(|&(at, c)| !(c.is_alphanumeric() || c == '_' || (at > 0 && (c == '-' || c == '.'))));
    match reserved {
        None => Ok(()),
        Some((_, found)) => Err(Invalid::ReservedCharacter { what, name: text.to_owned(), found }),
    }
}

/// The head of a text that is too long to be printed whole.
pub(crate) fn shorten(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident($text:ty), $what:literal, $max:expr) => {
        $(#[$doc])*
        ///
        /// Letters and digits of any script, `_`, `-` and `.`; the first character is a
        /// letter, a digit or `_`.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($text);

        impl $name {
            /// Makes a name from text that is known at run time.
            ///
            /// # Errors
            /// [`Invalid`] when the text is empty, too long, or holds a reserved character.
            pub fn new(text: impl AsRef<str>) -> Result<Self> {
                let name = Self(<$text>::from(text.as_ref()));
                name.check()?;
                Ok(name)
            }

            /// Makes a name from a literal, without a copy and without a check.
            ///
            /// A name that breaks the rule is refused by the first append or read that
            /// uses it.
            #[must_use]
            pub const fn from_static(text: &'static str) -> Self {
                Self(Text::Static(text))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }

            pub(crate) fn check(&self) -> Result<(), Invalid> {
                check($what, self.as_str(), $max)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }

        impl std::str::FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = Error;

            fn try_from(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }
    };
}

name_type! {
    /// The stable wire name of an event, up to 128 bytes: `account.deposited`.
    EventType(Text<Thin>), "event type", limits::MAX_EVENT_TYPE_BYTES
}

impl EventType {
    pub(crate) const fn as_static(&self) -> Option<&'static str> {
        self.0.as_static()
    }
}

name_type! {
    /// The kind of thing that a stream tells of, up to 64 bytes: `account`.
    Category(Text), "category", limits::MAX_CATEGORY_BYTES
}

name_type! {
    /// Whose data a stream is, up to 64 bytes. Equal keys of two tenants are two streams.
    Tenant(Text), "tenant", limits::MAX_TENANT_BYTES
}

name_type! {
    /// The name of a subscriber that keeps a checkpoint, up to 128 bytes: `orders-v2`.
    SubscriberName(Text), "subscriber name", limits::MAX_SUBSCRIBER_NAME_BYTES
}
