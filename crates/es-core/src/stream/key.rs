//! What tells one stream of a category from another.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Error, Invalid, Result, limits, name::shorten};

/// What tells one stream of a category from another: `alice`, a UUID, an order number.
///
/// Up to 512 bytes of UTF-8. Control characters are reserved, and so is white space at
/// either end; `/`, `:`, `@` and inner spaces are allowed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(Arc<str>);

impl Key {
    /// Makes a key from text.
    ///
    /// # Errors
    /// [`Invalid`] when the text is empty, too long, or holds a reserved character.
    pub fn new(text: impl AsRef<str>) -> Result<Self> {
        let text = text.as_ref();
        let what = "key";
        if text.is_empty() {
            return Err(Invalid::EmptyName { what }.into());
        }
        if text.len() > limits::MAX_KEY_BYTES {
            let (len, max) = (text.len(), limits::MAX_KEY_BYTES);
            return Err(Invalid::NameTooLong { what, name: shorten(text), len, max }.into());
        }
        if text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(Arc::from(text))); // as most keys are; what follows is slower
        }
        let edges = [text.chars().next(), text.chars().next_back()];
        let edge = edges.into_iter().flatten().find(|c| c.is_whitespace());
        match text.chars().find(|c| c.is_control()).or(edge) {
            None => Ok(Self(Arc::from(text))),
            Some(found) => {
                Err(Invalid::ReservedCharacter { what, name: text.to_owned(), found }.into())
            }
        }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Key {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Key {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl TryFrom<String> for Key {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::new(text)
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.as_str().to_owned()
    }
}
