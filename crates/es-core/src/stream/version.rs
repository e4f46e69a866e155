//! The place of an event in its stream.

use std::{fmt, num::NonZeroU64};

use serde::{Deserialize, Serialize};

use crate::{Invalid, Result};

/// The place of an event in its stream: 1, 2, 3 … without holes.
///
/// A stream without events has no version, so there is no version 0.
///
/// ```
/// use es_core::Version;
///
/// assert_eq!(Version::new(1)?, Version::FIRST);
/// assert!(Version::new(0).is_err()); // a stream without events has no version
/// # Ok::<(), es_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Version(NonZeroU64);

impl Version {
    /// The version of a stream's first event.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// The highest version that every store can hold.
    pub const MAX: Self = match NonZeroU64::new(i64::MAX.unsigned_abs()) {
        Some(max) => Self(max),
        None => Self::FIRST,
    };

    /// Makes a version from a number.
    ///
    /// # Errors
    /// [`Invalid::Version`] for 0 and for numbers above [`Version::MAX`].
    pub fn new(number: u64) -> Result<Self> {
        match NonZeroU64::new(number) {
            Some(number) if number <= Self::MAX.0 => Ok(Self(number)),
            _ => Err(Invalid::Version { number }.into()),
        }
    }

    /// The version as a number; also how many events the stream held at that point.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// The version after this one.
    #[must_use]
    pub fn next(self) -> Self {
        self.forward(1)
    }

    /// The version `count` places later.
    #[must_use]
    pub fn forward(self, count: u64) -> Self {
        Self(self.0.saturating_add(count)).min(Self::MAX)
    }

    /// The version that a stream has after `count` more events than `current`.
    #[must_use]
    pub fn after(current: Option<Self>, count: u64) -> Option<Self> {
        match current {
            Some(current) => Some(current.forward(count)),
            None => NonZeroU64::new(count).map(Self),
        }
    }
}

impl TryFrom<u64> for Version {
    type Error = crate::Error;

    fn try_from(number: u64) -> Result<Self> {
        Self::new(number)
    }
}

impl From<Version> for u64 {
    fn from(version: Version) -> Self {
        version.get()
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
