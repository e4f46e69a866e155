//! What a program has of a store.

use std::fmt;

use async_trait::async_trait;
use es_core::{
    AppendIn, AppendRequest, Capabilities, Durability, EventStore, FoldStream, Head, PageStream,
    Position, Read, Receipt, Result,
};
use futures_util::{
    Stream, StreamExt,
    stream::{BoxStream, unfold},
};

use super::Process;

/// What a [`Process`] has of a store: a port of which nothing gets through once the process has
/// died. Made by [`Process::guard`].
#[derive(Clone, Debug)]
pub struct Mortal<T> {
    pub(super) inner: T,
    pub(super) process: Process,
}

impl<T> Mortal<T> {
    pub(super) const fn new(inner: T, process: Process) -> Self {
        Self { inner, process }
    }

    /// The store itself, which lives on: for what only looks at it.
    pub const fn inner(&self) -> &T {
        &self.inner
    }

    fn pages<P: Send + 'static>(
        &self,
        pages: impl Stream<Item = P> + Send + Unpin + 'static,
    ) -> BoxStream<'static, P> {
        let process = self.process.clone();
        Box::pin(unfold((pages, process), |(mut pages, process)| async move {
            let next = process.while_alive(pages.next()).await?;
            Some((next, (pages, process)))
        }))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: EventStore> EventStore for Mortal<T> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        let to: Vec<_> = append.streams().iter().map(|write| write.stream.to_string()).collect();
        let what = format!("an append to {}", to.join(" and "));
        self.process.effect(what, self.inner.append(append)).await
    }

    fn read(&self, read: Read) -> PageStream {
        self.pages(self.inner.read(read))
    }

    fn read_to_fold(&self, read: Read) -> FoldStream {
        self.pages(self.inner.read_to_fold(read))
    }

    async fn head(&self) -> Result<Head> {
        self.process.while_alive(self.inner.head()).await
    }

    async fn wait(&self, after: Position) -> Result<Head> {
        self.process.while_alive(self.inner.wait(after)).await
    }

    async fn durability(&self) -> Result<Durability> {
        self.process.while_alive(self.inner.durability()).await
    }
}

/// What is appended in a transaction is there when that is committed, which is the write.
impl<T, Tx> AppendIn<Tx> for Mortal<T>
where
    T: AppendIn<Tx>,
    Tx: Send,
{
    async fn append_in_tx(&self, tx: &mut Tx, request: &AppendRequest) -> Result<Receipt> {
        self.process.while_alive(self.inner.append_in_tx(tx, request)).await
    }

    async fn lock_in_tx(&self, tx: &mut Tx) -> Result<()> {
        self.process.while_alive(self.inner.lock_in_tx(tx)).await
    }
}

impl<T: fmt::Display> fmt::Display for Mortal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of a process that may be killed", self.inner)
    }
}
