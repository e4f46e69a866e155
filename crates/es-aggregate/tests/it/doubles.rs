//! Stores that count, interfere or fail, and the three kinds that every case runs on.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use es_core::{
    AppendRequest, Backend, Capabilities, Durability, Error, EventStore, Head, PageStream,
    Position, Read, Receipt, Result, Store,
};
use es_store_memory::MemoryStore;

pub(crate) fn memory() -> Store {
    Store::new(MemoryStore::new())
}

pub(crate) fn layered() -> Store {
    memory().layer(&|inner: Backend| -> Backend { Watched::around(inner) })
}

pub(crate) fn erased() -> Store {
    let inner: Backend = Arc::new(MemoryStore::new());
    let outer: Backend = Arc::new(inner);
    Store::from_backend(outer)
}

/// What a [`Watched`] store does to an append.
pub(crate) type Interfere =
    Box<dyn Fn(usize, &Backend, &AppendRequest) -> Option<Verdict> + Send + Sync>;

/// How an append is spoilt.
pub(crate) enum Verdict {
    /// It is refused and nothing is written.
    Before(Error),
    /// It is written, and the reply is lost.
    After(Error),
    /// It never returns; it is written first if `true`.
    Hang(bool),
    /// This is appended first, by somebody else.
    Overtake(AppendRequest),
}

/// A store that counts calls and can be told to interfere with appends.
pub(crate) struct Watched {
    inner: Backend,
    pub(crate) appends: AtomicUsize,
    pub(crate) reads: AtomicUsize,
    /// Told when an append hangs as it was told to.
    pub(crate) hangs: tokio::sync::Notify,
    interfere: Mutex<Option<Arc<Interfere>>>,
}

impl Watched {
    pub(crate) fn around(inner: Backend) -> Arc<Self> {
        let (appends, reads) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let hangs = tokio::sync::Notify::new();
        Arc::new(Self { hangs, inner, appends, reads, interfere: Mutex::new(None) })
    }

    /// A watched store and the handle on it.
    pub(crate) fn over(store: &Store) -> (Arc<Self>, Store) {
        let watched = Self::around(Arc::clone(store.backend()));
        let backend: Backend = Arc::clone(&watched) as Backend;
        (watched, Store::from_backend(backend))
    }

    /// Calls `interfere` with the number of each append, from 1.
    pub(crate) fn interfere(
        &self,
        interfere: impl Fn(usize, &Backend, &AppendRequest) -> Option<Verdict> + Send + Sync + 'static,
    ) {
        *self.interfere.lock().unwrap() = Some(Arc::new(Box::new(interfere)));
    }

    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.appends.load(Ordering::SeqCst), self.reads.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl EventStore for Watched {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        let number = self.appends.fetch_add(1, Ordering::SeqCst) + 1;
        let interfere = self.interfere.lock().unwrap().clone();
        match interfere.and_then(|interfere| interfere(number, &self.inner, &append)) {
            None => self.inner.append(append).await,
            Some(Verdict::Before(error)) => Err(error),
            Some(Verdict::After(error)) => {
                self.inner.append(append).await?;
                Err(error)
            }
            Some(Verdict::Hang(written)) => {
                if written {
                    self.inner.append(append).await?;
                }
                self.hangs.notify_one();
                std::future::pending().await
            }
            Some(Verdict::Overtake(first)) => {
                self.inner.append(first).await?;
                self.inner.append(append).await
            }
        }
    }

    fn read(&self, read: Read) -> PageStream {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.read(read)
    }

    async fn head(&self) -> Result<Head> {
        self.inner.head().await
    }

    async fn wait(&self, after: Position) -> Result<Head> {
        self.inner.wait(after).await
    }

    async fn durability(&self) -> Result<Durability> {
        self.inner.durability().await
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watched").field(&self.inner).finish()
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "watched {}", self.inner)
    }
}
