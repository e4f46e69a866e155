//! How the bytes of a payload are to be read.

use std::fmt;

use crate::{
    Invalid, Result,
    text::{Text, Thin},
};

/// How the bytes of a payload are to be read, as a media type.
///
/// ```
/// use es_core::ContentType;
///
/// assert_eq!(ContentType::new("application/cbor")?.as_str(), "application/cbor");
/// assert!(ContentType::new("cbor").is_err());
/// # Ok::<(), es_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ContentType(Text<Thin>);

impl ContentType {
    /// JSON (RFC 8259): what `derive(Event)` writes.
    pub const JSON: Self = Self(Text::Static("application/json"));

    /// Bytes of which the log knows nothing.
    pub const BINARY: Self = Self(Text::Static("application/octet-stream"));

    /// Another media type, up to 64 printable ASCII bytes: `application/cbor`.
    ///
    /// # Errors
    /// [`Invalid::ContentType`] when the text cannot be one.
    pub fn new(text: impl AsRef<str>) -> Result<Self> {
        let text = text.as_ref();
        for known in [Self::JSON, Self::BINARY] {
            if known.as_str() == text {
                return Ok(known);
            }
        }
        let well_formed = (3..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic())
            && text.contains('/');
        if well_formed {
            Ok(Self(Text::from(text)))
        } else {
            Err(Invalid::ContentType { text: text.to_owned() }.into())
        }
    }

    /// The media type as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
