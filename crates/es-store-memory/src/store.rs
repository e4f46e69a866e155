//! The store: a handle on what is shared, and the port that it implements.

use std::{
    fmt::{self, Debug, Display},
    sync::Arc,
};

use async_trait::async_trait;
use es_core::{
    AppendRequest, Capabilities, Durability, EventStore, FoldStream, Head, PageStream, Position,
    Read, Receipt, Result, Timestamp,
};

use crate::{
    append, clock,
    read::{FoldPages, Pages},
    shared::Shared,
};

/// A log of events in the memory of the process. Cloning it copies the handle, never the
/// data; the data goes when the last handle, read and follower goes.
///
/// It keeps the whole contract of [`EventStore`] but for durability, and it is the
/// reference for what that contract means.
///
/// Appends take one short lock, one after the other. Reads take none (but for a read of one
/// event by its id, which takes it for one look-up): they see the log as it was when they
/// were first polled, hold nothing up and copy no event.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> es_core::Result<()> {
/// use es_core::{Append, ExpectedVersion, NewEvent, Payload, Read, Schema, Store, StreamId};
/// use es_store_memory::MemoryStore;
///
/// let store = Store::new(MemoryStore::new());
/// let noted = NewEvent::raw(Schema::from_static("noted", 1), Payload::json("milk")?);
/// let list = StreamId::new("list", 1)?;
/// store.append(Append::to(list.clone(), ExpectedVersion::NoStream).event(noted)).await?;
/// assert_eq!(store.read(Read::stream(list)).into_vec().await?.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

impl MemoryStore {
    /// An empty log with a new identity.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Shared::new(clock::system()))
    }

    /// An empty log that takes the time from `clock`, for tests that control it.
    ///
    /// The clock may stand still or step back: an event is never recorded earlier than the
    /// one before it. It is asked once per append, outside of all locks.
    ///
    /// ```
    /// use std::sync::{
    ///     Arc,
    ///     atomic::{AtomicI64, Ordering},
    /// };
    ///
    /// use es_core::Timestamp;
    /// use es_store_memory::MemoryStore;
    ///
    /// let seconds = Arc::new(AtomicI64::new(1_700_000_000));
    /// let hand = Arc::clone(&seconds);
    /// let store =
    ///     MemoryStore::with_clock(move || Timestamp::from_seconds(hand.load(Ordering::Relaxed)));
    /// seconds.fetch_add(60, Ordering::Relaxed); // a minute passes
    /// # drop(store);
    /// ```
    #[must_use]
    pub fn with_clock(clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self::of(Shared::new(Arc::new(clock)))
    }

    /// An empty log that takes no more than so many events.
    #[cfg(test)]
    pub(crate) fn with_room(events: u32) -> Self {
        let mut shared = Shared::new(clock::system());
        shared.room = events;
        Self::of(shared)
    }

    #[cfg(test)]
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    fn of(shared: Shared) -> Self {
        Self { shared: Arc::new(shared) }
    }
}

#[async_trait]
impl EventStore for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL.with_shared(false)
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        append::append(&self.shared, append).await
    }

    fn read(&self, read: Read) -> PageStream {
        Box::pin(Pages::new(Arc::clone(&self.shared), read))
    }

    fn read_to_fold(&self, read: Read) -> FoldStream {
        Box::pin(FoldPages(Pages::new(Arc::clone(&self.shared), read)))
    }

    async fn head(&self) -> Result<Head> {
        Ok(self.shared.head())
    }

    async fn wait(&self, after: Position) -> Result<Head> {
        let head = self.shared.published.beyond(after.get()).await;
        Ok(self.shared.head_at(head))
    }

    async fn durability(&self) -> Result<Durability> {
        Ok(Durability::volatile("kept in memory"))
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = self.shared.head();
        f.debug_struct("MemoryStore")
            .field("log", &head.log)
            .field("position", &head.position)
            .finish()
    }
}

impl Display for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}
