//! A layer that spoils calls by plan.
//!
//! Here: the layer and what can be planned. Which calls are meant is in `when`, the list of
//! plans in `plan`; what a fault does is in `append`, `read` and `asking`.

mod append;
mod asking;
mod plan;
mod read;
mod when;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use es_core::{
    AppendRequest, Backend, Capabilities, Durability, Error, ErrorKind, EventStore, FoldPage,
    FoldStream, Head, Layer, PageStream, Position, Read, Receipt, Result,
};
use futures_util::TryStreamExt;

pub use append::AppendFault;
pub use asking::{HeadFault, WaitFault};
pub use plan::Planned;
use plan::Rules;
pub use read::ReadFault;
pub use when::When;

/// A layer that spoils calls by plan: it lets them fail, loses their replies, delays them,
/// never returns, or lets another append go first.
///
/// Clones share the plan, so one handle goes into the stack and another stays in the test.
/// With nothing planned it hands every call on. Where several faults are planned for a
/// call, the one that was planned first happens.
///
/// ```
/// use es_core::{Append, ErrorKind, ExpectedVersion, NewEvent, Payload, Schema, Store, StreamId};
/// use es_store_memory::MemoryStore;
/// use es_testkit::{AppendFault, Faults, When};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> es_core::Result<()> {
/// let faults = Faults::new();
/// let store = Store::new(MemoryStore::new()).layer(&faults);
/// faults.on_append(When::next(), AppendFault::lose_reply());
///
/// let opened = NewEvent::raw(Schema::from_static("account.opened", 1), Payload::json("Alice")?);
/// let alice = StreamId::new("account", "alice")?;
/// let append = || Append::to(alice.clone(), ExpectedVersion::NoStream).event(opened.clone());
///
/// let error = store.append(append()).await.expect_err("the reply is lost");
/// assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
/// let receipt = store.append(append()).await?; // the same again settles it
/// assert!(receipt.replayed);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Plans>>);

#[derive(Debug, Default)]
struct Plans {
    appends: Rules<AppendRequest, AppendFault>,
    reads: Rules<Read, ReadFault>,
    waits: Rules<Position, WaitFault>,
    heads: Rules<(), HeadFault>,
}

impl Faults {
    /// Nothing is planned yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Plans a fault of appends. Calls are counted from now on.
    #[expect(clippy::must_use_candidate, reason = "called for what it does")]
    pub fn on_append(&self, when: When<AppendRequest>, fault: AppendFault) -> Planned {
        self.lock().appends.add(when, fault)
    }

    /// Plans a fault of reads. Calls are counted from now on.
    ///
    /// [`Store::version`](es_core::Store::version) and [`Store::find`](es_core::Store::find)
    /// are reads too, and so is every catch-up of a follower.
    #[expect(clippy::must_use_candidate, reason = "called for what it does")]
    pub fn on_read(&self, when: When<Read>, fault: ReadFault) -> Planned {
        self.lock().reads.add(when, fault)
    }

    /// Plans a fault of waits; the predicate of `when` sees the position that is waited
    /// behind. Calls are counted from now on.
    #[expect(clippy::must_use_candidate, reason = "called for what it does")]
    pub fn on_wait(&self, when: When<Position>, fault: WaitFault) -> Planned {
        self.lock().waits.add(when, fault)
    }

    /// Plans a fault of looks at the head. Calls are counted from now on.
    #[expect(clippy::must_use_candidate, reason = "called for what it does")]
    pub fn on_head(&self, when: When<()>, fault: HeadFault) -> Planned {
        self.lock().heads.add(when, fault)
    }

    /// Takes back everything that was planned. What has begun goes on: a call that hangs
    /// still hangs.
    pub fn clear(&self) {
        *self.lock() = Plans::default();
    }

    /// A predicate that panicked spoils its own call and no others.
    fn lock(&self) -> MutexGuard<'_, Plans> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Layer for Faults {
    fn layer(&self, inner: Backend) -> Backend {
        let faults = self.clone();
        Arc::new(Faulty { inner, faults })
    }
}

/// A store with the layer around it.
#[derive(Debug)]
struct Faulty {
    inner: Backend,
    faults: Faults,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl EventStore for Faulty {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn append(&self, request: AppendRequest) -> Result<Receipt> {
        let due = self.faults.lock().appends.due(&request);
        match due {
            None => self.inner.append(request).await,
            Some(due) => append::spoilt(&self.inner, request, due).await,
        }
    }

    fn read(&self, read: Read) -> PageStream {
        let due = self.faults.lock().reads.due(&read);
        match due {
            None => self.inner.read(read),
            Some(due) => read::spoilt(&self.inner, read, due),
        }
    }

    fn read_to_fold(&self, read: Read) -> FoldStream {
        let due = self.faults.lock().reads.due(&read);
        match due {
            None => self.inner.read_to_fold(read),
            Some(due) => Box::pin(read::spoilt(&self.inner, read, due).map_ok(FoldPage::Recorded)),
        }
    }

    async fn head(&self) -> Result<Head> {
        let due = self.faults.lock().heads.due(&());
        match due {
            None => self.inner.head().await,
            Some(due) => asking::spoilt_head(&self.inner, due).await,
        }
    }

    async fn wait(&self, after: Position) -> Result<Head> {
        let due = self.faults.lock().waits.due(&after);
        match due {
            None => self.inner.wait(after).await,
            Some(due) => asking::spoilt_wait(&self.inner, after, due).await,
        }
    }

    async fn durability(&self) -> Result<Durability> {
        self.inner.durability().await
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with planned faults", self.inner)
    }
}

/// The error of a call that fails by plan.
fn planned(kind: ErrorKind) -> Error {
    Error::new(kind, format!("{kind}, as the test has planned"))
}
