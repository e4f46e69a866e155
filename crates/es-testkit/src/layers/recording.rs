//! A layer that keeps what a store was asked.

#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use es_core::{
    AppendRequest, Backend, Capabilities, Durability, EventStore, FoldStream, Head, Layer,
    PageStream, Position, Read, Receipt, Result,
};

/// A layer that keeps what the store below was asked, and hands every call on.
///
/// Clones share what they keep, so one handle goes into the stack and another stays in the
/// test. A call is kept when it is made (an async one, when it is first polled), whatever
/// becomes of it.
///
/// ```
/// use es_core::{Read, Store, StreamId};
/// use es_store_memory::MemoryStore;
/// use es_testkit::Recording;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> es_core::Result<()> {
/// let recording = Recording::new();
/// let store = Store::new(MemoryStore::new()).layer(&recording);
///
/// let alice = StreamId::new("account", "alice")?;
/// assert_eq!(store.version(&alice).await?, None);
/// assert_eq!(recording.reads()[0].limit, Some(1), "the last event is enough");
/// assert_eq!(recording.asked().appends.len(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Recording(Arc<Mutex<Asked>>);

/// What a store was asked, each kind of call in order.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Asked {
    /// The appends.
    pub appends: Vec<AppendRequest>,
    /// The reads; those of [`Store::version`](es_core::Store::version) and
    /// [`Store::find`](es_core::Store::find) and of followers among them.
    pub reads: Vec<Read>,
    /// The positions that were waited behind.
    pub waits: Vec<Position>,
    /// How often the head was asked for.
    pub heads: usize,
    /// How often the durability was asked for.
    pub durabilities: usize,
}

impl Recording {
    /// Nothing was asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything that was asked so far.
    #[must_use]
    pub fn asked(&self) -> Asked {
        self.lock().clone()
    }

    /// The appends so far.
    #[must_use]
    pub fn appends(&self) -> Vec<AppendRequest> {
        self.lock().appends.clone()
    }

    /// The reads so far.
    #[must_use]
    pub fn reads(&self) -> Vec<Read> {
        self.lock().reads.clone()
    }

    /// The positions that were waited behind so far.
    #[must_use]
    pub fn waits(&self) -> Vec<Position> {
        self.lock().waits.clone()
    }

    /// How often the head was asked for so far.
    #[must_use]
    pub fn heads(&self) -> usize {
        self.lock().heads
    }

    /// Forgets what was asked so far, and gives it.
    #[expect(clippy::must_use_candidate, reason = "called for what it does")]
    pub fn take(&self) -> Asked {
        std::mem::take(&mut *self.lock())
    }

    /// Nothing that can panic happens under the lock.
    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Layer for Recording {
    fn layer(&self, inner: Backend) -> Backend {
        let recording = self.clone();
        Arc::new(Recorder { inner, recording })
    }
}

/// A store with the layer around it.
#[derive(Debug)]
struct Recorder {
    inner: Backend,
    recording: Recording,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl EventStore for Recorder {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn append(&self, request: AppendRequest) -> Result<Receipt> {
        self.recording.lock().appends.push(request.clone());
        self.inner.append(request).await
    }

    fn read(&self, read: Read) -> PageStream {
        self.recording.lock().reads.push(read.clone());
        self.inner.read(read)
    }

    fn read_to_fold(&self, read: Read) -> FoldStream {
        self.recording.lock().reads.push(read.clone());
        self.inner.read_to_fold(read)
    }

    async fn head(&self) -> Result<Head> {
        self.recording.lock().heads += 1;
        self.inner.head().await
    }

    async fn wait(&self, after: Position) -> Result<Head> {
        self.recording.lock().waits.push(after);
        self.inner.wait(after).await
    }

    async fn durability(&self) -> Result<Durability> {
        self.recording.lock().durabilities += 1;
        self.inner.durability().await
    }
}

impl fmt::Display for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with a recording", self.inner)
    }
}
