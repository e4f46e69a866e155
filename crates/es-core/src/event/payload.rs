//! The bytes of an event and how to read them.

use std::fmt;

use bytes::Bytes;
use memchr::memmem;
use serde::{Serialize, de::DeserializeOwned, de::IgnoredAny};

use super::{ContentType, finite};
use crate::{BoxError, Invalid, Result};

/// The bytes of an event and how to read them. Cheap to clone.
///
/// A payload whose content type is JSON holds well-formed JSON: every public way to make
/// one checks it.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    content_type: ContentType,
    bytes: Bytes,
}

impl Payload {
    /// Writes `value` as JSON.
    ///
    /// # Errors
    /// [`Invalid::Payload`] when the value has no JSON form, and when it holds a number
    /// that is not finite: JSON would turn NaN into `null` and lose it silently.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        let bytes = serde_json::to_vec(value).map_err(invalid)?;
        // serde_json writes NaN and the infinities as null, so only a payload that holds
        // a null can hide one; only such a payload pays for the second walk.
        if memmem::find(&bytes, b"null").is_some() {
            finite::check(value).map_err(invalid)?;
        }
        Ok(Self { content_type: ContentType::JSON, bytes: exact(bytes) })
    }

    /// Takes bytes of any content type.
    ///
    /// # Errors
    /// [`Invalid::Payload`] when the content type is JSON and the bytes are not.
    pub fn new(content_type: ContentType, bytes: impl Into<Bytes>) -> Result<Self> {
        let bytes = bytes.into();
        if content_type == ContentType::JSON {
            // As text, because serde_json does not look into strings that it ignores.
            let text = std::str::from_utf8(&bytes).map_err(invalid)?;
            serde_json::from_str::<IgnoredAny>(text).map_err(invalid)?;
        }
        Ok(Self { content_type, bytes })
    }

    /// Takes bytes that a store has kept, without a check. For stores: what they give
    /// back is what they were given.
    #[must_use]
    pub const fn stored(content_type: ContentType, bytes: Bytes) -> Self {
        Self { content_type, bytes }
    }

    /// How the bytes are to be read.
    #[must_use]
    pub const fn content_type(&self) -> &ContentType {
        &self.content_type
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Reads the payload as JSON.
    ///
    /// # Errors
    /// When the content type is another, or the bytes do not fit `T`.
    pub fn to_json<T: DeserializeOwned>(&self) -> Result<T, BoxError> {
        if self.content_type != ContentType::JSON {
            return Err(format!("the payload is {}, not JSON", self.content_type).into());
        }
        serde_json::from_slice(&self.bytes).map_err(BoxError::from)
    }
}

/// Bytes that own no more memory than they need, so that sharing them later is free.
fn exact(bytes: Vec<u8>) -> Bytes {
    Bytes::from(bytes.into_boxed_slice())
}

fn invalid(error: impl fmt::Display) -> crate::Error {
    Invalid::Payload { reason: error.to_string() }.into()
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => write!(f, "Payload({}, {text})", self.content_type),
            Err(_) => write!(f, "Payload({}, {} bytes)", self.content_type, self.bytes.len()),
        }
    }
}
