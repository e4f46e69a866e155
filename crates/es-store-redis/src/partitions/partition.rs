//! One partition: a log as any other, that refuses streams of other partitions.

use std::fmt::{self, Debug, Display};

use async_trait::async_trait;
use es_core::{
    AppendRequest, Capabilities, Durability, EventStore, FoldStream, Head, PageStream, Position,
    Read, Receipt, Result, Selection, StreamId,
};
use futures_util::{StreamExt, stream};

use super::{PartitionsError, Placement};
use crate::store::RedisStore;

/// Where streams belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) count: u16,
    pub(super) placement: Placement,
}

impl Layout {
    pub(super) fn partition(self, stream: &StreamId) -> usize {
        usize::from(self.placement.partition(stream, self.count))
    }

    /// The partition that an append belongs to.
    ///
    /// # Errors
    /// `Invalid` where its streams are in several.
    pub(super) fn one(self, append: &AppendRequest) -> Result<usize> {
        let written = append.streams().iter().map(|write| &write.stream);
        let required = append.required().iter().map(|demand| &demand.stream);
        let mut partitions =
            written.clone().chain(required.clone()).map(|name| self.partition(name));
        let first = partitions.next().unwrap_or_default();
        if partitions.all(|partition| partition == first) {
            return Ok(first);
        }
        let streams = written.chain(required).map(|name| (name.clone(), self.partition(name)));
        let (streams, placement) = (streams.collect(), self.placement);
        Err(PartitionsError::Apart { streams, placement }.into())
    }
}

/// One partition as a store.
///
/// A stream that belongs elsewhere is refused, not only when it is written: read here it would
/// seem to have no events, and an aggregate would begin anew.
#[derive(Clone)]
pub(super) struct Partition {
    pub(super) store: RedisStore,
    pub(super) layout: Layout,
    pub(super) index: usize,
}

impl Partition {
    fn check(&self, stream: &StreamId) -> Result<()> {
        let partition = self.layout.partition(stream);
        if partition == self.index {
            return Ok(());
        }
        let (stream, asked) = (stream.clone(), self.index);
        Err(PartitionsError::Elsewhere { stream, asked, partition }.into())
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl EventStore for Partition {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        self.layout.one(&append)?;
        if let Some(first) = append.streams().first() {
            self.check(&first.stream)?;
        }
        self.store.append(append).await
    }

    fn read(&self, read: Read) -> PageStream {
        if let Selection::Stream(name) = &read.selection
            && let Err(error) = self.check(name)
        {
            return stream::once(async { Err(error) }).boxed();
        }
        self.store.read(read)
    }

    fn read_to_fold(&self, read: Read) -> FoldStream {
        if let Selection::Stream(name) = &read.selection
            && let Err(error) = self.check(name)
        {
            return stream::once(async { Err(error) }).boxed();
        }
        self.store.read_to_fold(read)
    }

    async fn head(&self) -> Result<Head> {
        self.store.head().await
    }

    async fn wait(&self, after: Position) -> Result<Head> {
        self.store.wait(after).await
    }

    async fn durability(&self) -> Result<Durability> {
        self.store.durability().await
    }
}

impl Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partition")
            .field("index", &self.index)
            .field("layout", &self.layout)
            .field("store", &self.store)
            .finish()
    }
}

impl Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.store, f)
    }
}
