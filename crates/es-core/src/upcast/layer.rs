//! The store that reads through upcasters.

use std::fmt;

use async_trait::async_trait;
use futures_util::TryStreamExt;

use super::{Upcasters, reading::Reading, widen};
use crate::{
    AppendRequest, Backend, Capabilities, Durability, EventStore, FoldPage, FoldStream, Head,
    PageStream, Position, Read, Receipt, Result,
};

/// A store whose reads yield the newest forms.
#[derive(Debug)]
pub(super) struct Upcast {
    upcasters: Upcasters,
    inner: Backend,
}

impl Upcast {
    pub(super) const fn new(upcasters: Upcasters, inner: Backend) -> Self {
        Self { upcasters, inner }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl EventStore for Upcast {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn append(&self, mut append: AppendRequest) -> Result<Receipt> {
        widen::conditions(self.upcasters.chains(), &mut append)?;
        self.inner.append(append).await
    }

    fn read(&self, read: Read) -> PageStream {
        if self.upcasters.chains().is_empty() || read.limit == Some(0) {
            return self.inner.read(read);
        }
        Reading::new(self.upcasters.clone(), Backend::clone(&self.inner), read).into_pages()
    }

    fn read_to_fold(&self, read: Read) -> FoldStream {
        if self.upcasters.chains().is_empty() {
            return self.inner.read_to_fold(read);
        }
        Box::pin(self.read(read).map_ok(FoldPage::Recorded))
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

impl fmt::Display for Upcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with upcasters", self.inner)
    }
}
