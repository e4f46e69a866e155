//! The port that stores implement, and layers around it.

use std::{
    fmt::{Debug, Display},
    sync::Arc,
};

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::TryStreamExt;

use super::{Capabilities, Durability};
use crate::{AppendRequest, FoldPage, Head, Position, Read, Receipt, Recorded, Result};

/// What a read yields to the handle: events in pages. Dropping it ends the read.
pub type PageStream = BoxStream<'static, Result<Vec<Recorded>>>;

/// What a read yields to a fold. Dropping it ends the read.
pub type FoldStream = BoxStream<'static, Result<FoldPage>>;

/// A store behind a pointer, whichever it is.
pub type Backend = Arc<dyn EventStore>;

/// A log of events, for those who build one. Callers hold a [`Store`](crate::Store).
///
/// # Contract
/// `docs/contract.md` has it whole (L1 to L10), and `es-testkit` has a test case for each
/// promise. In short: an append is visible whole or not at all; positions grow in commit
/// order, and a reader that has seen position p never meets a new event at p or below;
/// versions of a stream are 1, 2, 3 … and agree with positions; an append whose event ids
/// are all there already, in the same streams and order, answers the first receipt again
/// before anything else is checked.
///
/// Only [`EventStore::read_to_fold`] has a default, which is right for every store; there are
/// no others, so a wrapper cannot forget anything. `Display` names the store and, for a
/// wrapper, what is inside it.
///
/// ```
/// use std::sync::Arc;
///
/// use es_core::{Backend, Store};
/// use es_store_memory::MemoryStore;
///
/// // Programs hold a `Store`; what is below it may be any that implements this trait.
/// let backend: Backend = Arc::new(MemoryStore::new());
/// let store = Store::from_backend(backend);
/// assert!(store.backend().capabilities().multi_stream);
/// ```
#[async_trait]
pub trait EventStore: Debug + Display + Send + Sync + 'static {
    /// What the store can do beyond the least.
    fn capabilities(&self) -> Capabilities;

    /// Commits `append` as one, or nothing of it.
    ///
    /// # Errors
    /// `Conflict`, `ConditionFailed` and `IdempotencyClash` say that a demand did not hold;
    /// `Busy` and `Unavailable` that nothing was written; `OutcomeUnknown` that the reply
    /// was lost and the store could not find out in time; `Fault` that something broke.
    ///
    /// # Cancel safety
    /// Dropping the future leaves all of the append or nothing, and disturbs no other
    /// caller. Which of the two is told by appending the same events again.
    async fn append(&self, append: AppendRequest) -> Result<Receipt>;

    /// Reads what `read` describes, page by page, as of some moment after the call.
    ///
    /// The pages may be of any size but the memory that they take is bounded; an empty page
    /// is allowed. The stream ends early only with an error, which is its last item.
    fn read(&self, read: Read) -> PageStream;

    /// The same events for a fold, which needs little of each: whatever [`EventStore::read`]
    /// yields, in the same order, or the same error, in the cheapest form.
    ///
    /// The default reads with [`EventStore::read`]. A store overrides it where an envelope
    /// costs something to make; a wrapper that changes nothing in between hands it on.
    fn read_to_fold(&self, read: Read) -> FoldStream {
        Box::pin(self.read(read).map_ok(FoldPage::Recorded))
    }

    /// Which log this is and where it ends.
    ///
    /// # Errors
    /// `Unavailable` or `Fault`.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    async fn head(&self) -> Result<Head>;

    /// Waits until the log may have grown beyond `after`, and says where it ends.
    ///
    /// It may return early, with a head at `after` or below; callers look at the head. A
    /// store that loses its connection reconnects inside this call.
    ///
    /// # Errors
    /// Those of [`EventStore::head`], when reconnecting is given up.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    async fn wait(&self, after: Position) -> Result<Head>;

    /// What an acknowledged append survives, as the store is set up now.
    ///
    /// # Errors
    /// Those of [`EventStore::head`].
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    async fn durability(&self) -> Result<Durability>;
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: EventStore + ?Sized> EventStore for Arc<T> {
    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        (**self).append(append).await
    }

    fn read(&self, read: Read) -> PageStream {
        (**self).read(read)
    }

    fn read_to_fold(&self, read: Read) -> FoldStream {
        (**self).read_to_fold(read)
    }

    async fn head(&self) -> Result<Head> {
        (**self).head().await
    }

    async fn wait(&self, after: Position) -> Result<Head> {
        (**self).wait(after).await
    }

    async fn durability(&self) -> Result<Durability> {
        (**self).durability().await
    }
}

/// A wrapper around any store: erased in, erased out, so that layers stack in a list.
///
/// Checks of the input and the scope of a tenant sit above all layers, in the handle; the
/// layer that was added last sees a call first.
///
/// ```
/// use es_core::{Backend, Layer, Store};
///
/// /// Does nothing, and so shows the shape.
/// struct Plain;
///
/// impl Layer for Plain {
///     fn layer(&self, inner: Backend) -> Backend {
///         inner
///     }
/// }
///
/// fn wrap(store: Store) -> Store {
///     store.layer(&Plain)
/// }
/// ```
pub trait Layer {
    /// Wraps `inner`.
    fn layer(&self, inner: Backend) -> Backend;
}

impl<F: Fn(Backend) -> Backend> Layer for F {
    fn layer(&self, inner: Backend) -> Backend {
        self(inner)
    }
}
