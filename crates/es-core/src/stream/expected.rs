//! What a writer expects of a stream.

use std::fmt;

use super::Version;

/// What must hold for a stream when an append commits.
///
/// There is no default: whoever appends says which of the four it is.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> es_core::Result<()> {
/// use es_core::{Append, ErrorKind, ExpectedVersion, NewEvent, Payload, Schema, Store, StreamId};
/// use es_store_memory::MemoryStore;
///
/// # let note = |text: &str| Ok::<_, es_core::Error>(NewEvent::raw(
/// #     Schema::from_static("noted", 1),
/// #     Payload::json(text)?,
/// # ));
/// let store = Store::new(MemoryStore::new());
/// let list = StreamId::new("list", 1)?;
/// let to = |expected| Append::to(list.clone(), expected);
///
/// let first = store.append(to(ExpectedVersion::NoStream).event(note("milk")?)).await?;
/// store.append(to(ExpectedVersion::Exact(first.version())).event(note("bread")?)).await?;
/// store.append(to(ExpectedVersion::Exists).event(note("eggs")?)).await?;
/// store.append(to(ExpectedVersion::Any).event(note("salt")?)).await?;
///
/// let late = store.append(to(ExpectedVersion::Exact(first.version())).event(note("tea")?)).await;
/// assert_eq!(late.unwrap_err().kind(), ErrorKind::Conflict);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExpectedVersion {
    /// Nothing: append behind whatever is there. Never conflicts.
    Any,
    /// The stream has no events.
    NoStream,
    /// The stream has at least one event.
    Exists,
    /// The stream's last event has this version.
    Exact(Version),
}

impl ExpectedVersion {
    /// What a writer expects that saw the stream at `version`: exactly that, or no stream.
    #[must_use]
    pub fn exactly(version: Option<Version>) -> Self {
        version.map_or(Self::NoStream, Self::Exact)
    }

    /// Whether a stream at `actual` fulfils this.
    #[must_use]
    pub fn admits(self, actual: Option<Version>) -> bool {
        match self {
            Self::Any => true,
            Self::NoStream => actual.is_none(),
            Self::Exists => actual.is_some(),
            Self::Exact(version) => actual == Some(version),
        }
    }
}

impl From<Version> for ExpectedVersion {
    fn from(version: Version) -> Self {
        Self::Exact(version)
    }
}

impl fmt::Display for ExpectedVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any version"),
            Self::NoStream => f.write_str("no stream"),
            Self::Exists => f.write_str("an existing stream"),
            Self::Exact(version) => write!(f, "version {version}"),
        }
    }
}
