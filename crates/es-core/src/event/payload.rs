//! The bytes of an event and how to read them.

use std::fmt;

use bytes::Bytes;
use memchr::memmem;
use serde::{Serialize, de::DeserializeOwned, de::IgnoredAny};

use super::{ContentType, finite, nesting};
use crate::{BoxError, Invalid, Result};

/// The bytes of an event and how to read them. Cheap to clone.
///
/// A payload whose content type is JSON holds well-formed JSON: every public way to make
/// one checks it.
///
/// ```
/// use es_core::{ContentType, Payload};
///
/// let json = Payload::json(&[1, 2])?;
/// assert_eq!(json.bytes(), "[1,2]");
/// assert_eq!(json.to_json::<Vec<u8>>().unwrap(), [1, 2]);
///
/// let cbor = Payload::new(ContentType::new("application/cbor")?, &b"\x82\x01\x02"[..])?;
/// assert!(cbor.to_json::<Vec<u8>>().is_err());
/// # Ok::<(), es_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(Held);

/// Most payloads are JSON, and every envelope has one: that they are, is said by the
/// variant and costs no room. Only `Payload::of` chooses it.
#[derive(Clone, PartialEq, Eq)]
enum Held {
    Json(Bytes),
    Other(ContentType, Box<Bytes>),
}

impl Payload {
    /// Writes `value` as JSON.
    ///
    /// # Errors
    /// [`Invalid::Payload`] when the value has no JSON form, when it holds a number that is
    /// not finite (JSON would turn NaN into `null` and lose it silently), and when it nests
    /// deeper than [`MAX_JSON_NESTING`](crate::limits::MAX_JSON_NESTING).
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        let bytes = serde_json::to_vec(value).map_err(invalid)?;
        // serde_json writes NaN and the infinities as null, so only a payload that holds
        // a null can hide one; only such a payload pays for the second walk.
        if memmem::find(&bytes, b"null").is_some() {
            finite::check(value).map_err(invalid)?;
        }
        nesting::check(&bytes)?;
        Ok(Self(Held::Json(exact(bytes))))
    }

    /// Takes bytes of any content type.
    ///
    /// # Errors
    /// [`Invalid::Payload`] when the content type is JSON and the bytes are not, or nest deeper
    /// than [`MAX_JSON_NESTING`](crate::limits::MAX_JSON_NESTING).
    pub fn new(content_type: ContentType, bytes: impl Into<Bytes>) -> Result<Self> {
        let bytes = bytes.into();
        if content_type == ContentType::JSON {
            nesting::check(&bytes)?;
            // As text, because serde_json does not look into strings that it ignores.
            let text = std::str::from_utf8(&bytes).map_err(invalid)?;
            serde_json::from_str::<IgnoredAny>(text).map_err(invalid)?;
        }
        Ok(Self::of(content_type, bytes))
    }

    /// Takes bytes that a store has kept, without a check. For stores: what they give
    /// back is what they were given.
    #[must_use]
    pub fn stored(content_type: ContentType, bytes: Bytes) -> Self {
        Self::of(content_type, bytes)
    }

    /// Other bytes of the same content type, as a store has kept them, without a check.
    #[must_use]
    pub fn with_bytes(&self, bytes: Bytes) -> Self {
        Self::of(self.content_type().clone(), bytes)
    }

    /// How the bytes are to be read.
    #[must_use]
    pub const fn content_type(&self) -> &ContentType {
        match &self.0 {
            Held::Json(_) => &ContentType::JSON,
            Held::Other(content_type, _) => content_type,
        }
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        match &self.0 {
            Held::Json(bytes) => bytes,
            Held::Other(_, bytes) => bytes,
        }
    }

    /// Reads the payload as JSON.
    ///
    /// # Errors
    /// When the content type is another, or the bytes do not fit `T`.
    pub fn to_json<T: DeserializeOwned>(&self) -> Result<T, BoxError> {
        match &self.0 {
            // Checked once as a whole: serde_json checks the bytes of each string, which costs a
            // tenth of reading a payload.
            Held::Json(bytes) => Ok(serde_json::from_str(std::str::from_utf8(bytes)?)?),
            Held::Other(content_type, _) => {
                Err(format!("the payload is {content_type}, not JSON").into())
            }
        }
    }

    fn of(content_type: ContentType, bytes: Bytes) -> Self {
        Self(if content_type == ContentType::JSON {
            Held::Json(bytes)
        } else {
            Held::Other(content_type, Box::new(bytes))
        })
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
        let (content_type, bytes) = (self.content_type(), self.bytes());
        match std::str::from_utf8(bytes) {
            Ok(text) => write!(f, "Payload({content_type}, {text})"),
            Err(_) => write!(f, "Payload({content_type}, {} bytes)", bytes.len()),
        }
    }
}
