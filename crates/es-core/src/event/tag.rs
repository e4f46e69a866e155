//! Indexed labels on events.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Error, Invalid, Result, limits, name::shorten};

/// An indexed label on an event, written `name:value`: `account:alice`.
///
/// Reads and `unless` conditions select by it. Up to 256 bytes in all; the name follows
/// the rule for names, the value may be anything without control characters.
///
/// ```
/// use es_core::Tag;
///
/// let tag = Tag::new("customer", 17)?;
/// assert_eq!(tag, "customer:17".parse()?);
/// assert_eq!((tag.name(), tag.value()), ("customer", "17"));
/// # Ok::<(), es_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(Arc<str>);

impl Tag {
    /// Makes the tag `name:value`.
    ///
    /// # Errors
    /// [`Invalid`] when a part is empty or holds a reserved character, or the whole is too
    /// long.
    pub fn new(name: impl AsRef<str>, value: impl fmt::Display) -> Result<Self> {
        let name = name.as_ref();
        let text = format!("{name}:{value}");
        if name.contains(':') {
            // It would be read back with another name and another value.
            let found = ':';
            return Err(Invalid::ReservedCharacter { what: "tag", name: text, found }.into());
        }
        Self::checked(&text)
    }

    fn checked(text: &str) -> Result<Self> {
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        if text.len() > limits::MAX_TAG_BYTES {
            let (len, max) = (text.len(), limits::MAX_TAG_BYTES);
            return Err(Invalid::NameTooLong { what: "tag", name: shorten(text), len, max }.into());
        }
        if name.is_empty() || value.is_empty() {
            return Err(Invalid::Tag { text: text.to_owned() }.into());
        }
        let reserved = name
            .chars()
            .find(|&c| !(c.is_alphanumeric() || "_-.".contains(c)))
            .or_else(|| value.chars().find(|c| c.is_control()));
        match reserved {
            None => Ok(Self(Arc::from(text))),
            Some(found) => {
                let name = text.to_owned();
                Err(Invalid::ReservedCharacter { what: "tag", name, found }.into())
            }
        }
    }

    /// The part before the colon.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once(':').map_or(&*self.0, |(name, _)| name)
    }

    /// The part behind the colon.
    #[must_use]
    pub fn value(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, value)| value)
    }

    /// The whole tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::checked(text)
    }
}

impl TryFrom<String> for Tag {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::checked(&text)
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.as_str().to_owned()
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The tags of one event: sorted, each once. Empty ones cost no allocation.
///
/// One word, because every event has room for them and most have none.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Tags(Option<Arc<Box<[Tag]>>>);

impl Tags {
    /// No tags.
    pub const NONE: Self = Self(None);

    /// The tags in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Tag] {
        self.0.as_ref().map_or(&[], |tags| tags)
    }

    /// The tags one by one.
    pub fn iter(&self) -> std::slice::Iter<'_, Tag> {
        self.as_slice().iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether `tag` is among them.
    #[must_use]
    pub fn contains(&self, tag: &Tag) -> bool {
        self.as_slice().binary_search(tag).is_ok()
    }

    /// These and one more.
    #[must_use]
    pub fn with(self, tag: Tag) -> Self {
        self.iter().cloned().chain([tag]).collect()
    }
}

impl FromIterator<Tag> for Tags {
    fn from_iter<I: IntoIterator<Item = Tag>>(tags: I) -> Self {
        let mut tags: Vec<Tag> = tags.into_iter().collect();
        tags.sort_unstable();
        tags.dedup();
        Self(if tags.is_empty() { None } else { Some(Arc::new(tags.into_boxed_slice())) })
    }
}

impl<'a> IntoIterator for &'a Tags {
    type Item = &'a Tag;
    type IntoIter = std::slice::Iter<'a, Tag>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Debug for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
