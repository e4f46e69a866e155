//! A layer that does nothing: what every layer is before it does something.

use std::{fmt, sync::Arc};

use es_core::{
    AppendRequest, Backend, Capabilities, Durability, EventStore, Head, PageStream, Position, Read,
    Receipt, Result,
};

#[derive(Debug)]
pub(crate) struct PassThrough {
    inner: Backend,
}

impl PassThrough {
    pub(crate) fn around(inner: Backend) -> Arc<Self> {
        Arc::new(Self { inner })
    }
}

#[async_trait::async_trait]
#[deny(clippy::missing_trait_methods)]
impl EventStore for PassThrough {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        self.inner.append(append).await
    }

    fn read(&self, read: Read) -> PageStream {
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

impl fmt::Display for PassThrough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a layer around {}", self.inner)
    }
}
