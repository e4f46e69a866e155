//! The contract through layers, through the erased handle, and on a store that can do less.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use es_core::{
    AppendRequest, Backend, Capabilities, Durability, EventStore, FoldStream, Head, PageStream,
    Position, Read, Receipt, Result, Store,
};
use es_testkit::Fixture;

use super::naive::Naive;

/// Through a layer that hands everything on.
mod layered {
    use super::{Naive, Store, pass_through};

    es_testkit::contract_tests!(store = || async { Store::new(Naive::new()).layer(&pass_through) });
}

/// Through pointers to pointers, as erased stores are stacked.
mod erased {
    use super::{Arc, Backend, Fixture, Naive, Store};

    es_testkit::contract_tests!(
        fixture = || async {
            let once: Backend = Arc::new(Naive::new());
            let twice: Backend = Arc::new(once);
            Fixture::new(Store::from_backend(twice), "nothing to clean up")
        }
    );
}

/// As a process of a simulation has it, which nobody kills here.
mod simulated {
    use super::{Naive, Store};
    use crate::naive::{Checkpoints, Snapshots};
    use es_testkit::Process;

    es_testkit::contract_tests!(
        store = || async { Store::new(Naive::new()).layer(&Process::default()) }
    );
    es_testkit::snapshot_contract_tests!(
        snapshots = || async { Process::default().guard(Snapshots::default()) }
    );
    es_testkit::checkpoint_contract_tests!(
        checkpoints = || async { Process::default().guard(Checkpoints::default()) }
    );
}

/// On a store that has none of the capabilities: cases that need one decline, and what is
/// not supported is refused.
mod least {
    use super::{Capabilities, Naive, Store, with_capabilities};

    es_testkit::contract_tests!(
        store =
            || async { Store::new(Naive::new()).layer(&with_capabilities(Capabilities::LEAST)) }
    );
}

fn pass_through(inner: Backend) -> Backend {
    let can = inner.capabilities();
    Arc::new(PassThrough { inner, can })
}

fn with_capabilities(can: Capabilities) -> impl Fn(Backend) -> Backend {
    move |inner| Arc::new(PassThrough { inner, can })
}

/// Hands everything on but the capabilities.
#[derive(Debug)]
struct PassThrough {
    inner: Backend,
    can: Capabilities,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl EventStore for PassThrough {
    fn capabilities(&self) -> Capabilities {
        self.can
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        self.inner.append(append).await
    }

    fn read(&self, read: Read) -> PageStream {
        self.inner.read(read)
    }

    fn read_to_fold(&self, read: Read) -> FoldStream {
        self.inner.read_to_fold(read)
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
        write!(f, "pass-through over {}", self.inner)
    }
}
