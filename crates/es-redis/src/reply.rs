//! What Redis answers.

use bytes::Bytes;

use crate::{Error, Refusal, Result};

/// What Redis answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing is there.
    Nil,
    /// A number.
    Int(i64),
    /// Bytes; a status such as `OK` as well.
    Bytes(Bytes),
    /// Several replies.
    Array(Vec<Self>),
    /// An error inside an array. One that is the whole reply is an [`Error`] instead.
    Error(Refusal),
}

impl Reply {
    /// The number, also where it was sent as text.
    ///
    /// # Errors
    /// `Unexpected`, naming `what`, when it is no number.
    pub fn int(&self, what: &str) -> Result<i64> {
        match self {
            Self::Int(number) => Ok(*number),
            Self::Bytes(bytes) => {
                let text = std::str::from_utf8(bytes).ok();
                text.and_then(|text| text.parse().ok()).ok_or_else(|| Error::unexpected(what))
            }
            _ => Err(Error::unexpected(what)),
        }
    }

    /// The number, which cannot be negative.
    ///
    /// # Errors
    /// `Unexpected`, naming `what`, when it is no such number.
    pub fn count(&self, what: &str) -> Result<u64> {
        u64::try_from(self.int(what)?).map_err(|_| Error::unexpected(what))
    }

    /// The bytes.
    ///
    /// # Errors
    /// `Unexpected`, naming `what`, when it is something else.
    pub fn bytes(self, what: &str) -> Result<Bytes> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(Error::unexpected(what)),
        }
    }

    /// The bytes as text.
    ///
    /// # Errors
    /// `Unexpected`, naming `what`, when it is something else or no UTF-8.
    pub fn text(self, what: &str) -> Result<String> {
        let bytes = self.bytes(what)?;
        String::from_utf8(bytes.into()).map_err(|_| Error::unexpected(what))
    }

    /// The replies in an array; none at all for [`Reply::Nil`].
    ///
    /// # Errors
    /// `Unexpected`, naming `what`, when it is something else.
    pub fn array(self, what: &str) -> Result<Vec<Self>> {
        match self {
            Self::Array(replies) => Ok(replies),
            Self::Nil => Ok(Vec::new()),
            _ => Err(Error::unexpected(what)),
        }
    }

    /// Whether nothing is there.
    #[must_use]
    pub const fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }
}
