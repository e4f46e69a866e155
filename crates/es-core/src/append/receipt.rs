//! What an append returns.

use crate::{LogId, Position, StreamId, Timestamp, Version};

/// What an append returns: where its events are.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> es_core::Result<()> {
/// use es_core::{Append, ExpectedVersion, NewEvent, Payload, Schema, Store, StreamId};
/// use es_store_memory::MemoryStore;
///
/// # let note = |text: &str| Ok::<_, es_core::Error>(NewEvent::raw(
/// #     Schema::from_static("noted", 1),
/// #     Payload::json(text)?,
/// # ));
/// let store = Store::new(MemoryStore::new());
/// let event = note("milk")?;
/// let append = || {
///     let list = StreamId::new("list", 1)?;
///     Ok::<_, es_core::Error>(Append::to(list, ExpectedVersion::NoStream).event(event.clone()))
/// };
/// let receipt = store.append(append()?).await?;
/// assert_eq!((receipt.version().get(), receipt.last.get()), (1, 1));
///
/// // The same event again is recognised, whatever the expected version says now.
/// let again = store.append(append()?).await?;
/// assert!(again.replayed && again.last == receipt.last);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The log that took it.
    pub log: LogId,
    /// The position of its first event.
    pub first: Position,
    /// The position of its last event. Await this on a projection to read your writes.
    pub last: Position,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// For each stream that it wrote, the version of its last event there; in the order of
    /// the append.
    pub versions: Vec<(StreamId, Version)>,
    /// Whether these events were in the log already: this is the first receipt again.
    pub replayed: bool,
}

impl Receipt {
    /// What a store gives for an append that it has just committed; see
    /// [`Receipt::as_replay`] for one that it had committed before.
    #[must_use]
    pub const fn new(
        log: LogId,
        first: Position,
        last: Position,
        recorded_at: Timestamp,
        versions: Vec<(StreamId, Version)>,
    ) -> Self {
        Self { log, first, last, recorded_at, versions, replayed: false }
    }

    /// The same receipt, given again.
    #[must_use]
    pub fn as_replay(mut self) -> Self {
        self.replayed = true;
        self
    }

    /// The version that the append's first stream has now; its only one, mostly.
    #[must_use]
    pub fn version(&self) -> Version {
        self.versions.first().map_or(Version::FIRST, |(_, version)| *version)
    }

    /// The version that `stream` has now, if the append wrote it.
    #[must_use]
    pub fn version_of(&self, stream: &StreamId) -> Option<Version> {
        self.versions.iter().find(|(name, _)| name == stream).map(|(_, version)| *version)
    }
}
