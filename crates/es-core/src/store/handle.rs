//! The handle that callers hold.

use std::{fmt, sync::Arc};

use futures_core::stream::BoxStream;
use futures_util::{TryStreamExt, stream};

use super::{Backend, Capabilities, Durability, EventStore, EventStream, FollowStream, Layer};
use crate::{
    Append, Diverged, Error, Event, EventId, Head, Position, Read, Receipt, Recorded, Result,
    SharedObserver, StreamId, Tenant, Version,
};

/// A log of events: what callers hold. Cloning it copies the handle, never the data.
///
/// It checks what goes in, keeps to one tenant if it is scoped to one, and hides which
/// store and which layers are below.
///
/// ```
/// use es_core::{Append, ExpectedVersion, NewEvent, Payload, Read, Schema, Store, StreamId};
///
/// async fn open_account(store: &Store) -> es_core::Result<()> {
///     let alice = StreamId::new("account", "alice")?;
///     let opened = NewEvent::raw(
///         Schema::from_static("account.opened", 1),
///         Payload::json(&serde_json::json!({ "owner": "Alice" }))?,
///     );
///     let receipt =
///         store.append(Append::to(alice.clone(), ExpectedVersion::NoStream).event(opened)).await?;
///     println!("recorded at position {}", receipt.last);
///
///     let mut history = store.read(Read::stream(alice));
///     while let Some(event) = history.next().await {
///         let event = event?;
///         println!("{} {}", event.version, event.schema.name);
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Store {
    backend: Backend,
    tenant: Option<Tenant>,
    observer: Option<SharedObserver>,
}

impl Store {
    /// A handle on `store`.
    #[must_use]
    pub fn new(store: impl EventStore) -> Self {
        Self::from_backend(Arc::new(store))
    }

    /// A handle on a store behind a pointer.
    #[must_use]
    pub fn from_backend(backend: Backend) -> Self {
        Self { backend, tenant: None, observer: None }
    }

    /// The store below.
    #[must_use]
    pub const fn backend(&self) -> &Backend {
        &self.backend
    }

    /// A handle with `layer` around everything that is there.
    #[must_use]
    pub fn layer(self, layer: &(impl Layer + ?Sized)) -> Self {
        Self { backend: layer.layer(self.backend), ..self }
    }

    /// A handle that sees and writes only what belongs to `tenant`: streams that are named
    /// without a tenant get it, streams of others are refused, reads keep to it.
    #[must_use]
    pub fn for_tenant(&self, tenant: Tenant) -> Self {
        Self { tenant: Some(tenant), ..self.clone() }
    }

    /// The tenant that the handle is scoped to.
    #[must_use]
    pub const fn tenant(&self) -> Option<&Tenant> {
        self.tenant.as_ref()
    }

    /// A handle whose repositories and runners tell `observer` what they do. The store
    /// itself is told of it by its options, where it has something to tell.
    #[must_use]
    pub fn observed_by(self, observer: SharedObserver) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// Who is told.
    #[must_use]
    pub const fn observer(&self) -> Option<&SharedObserver> {
        self.observer.as_ref()
    }

    /// What the store can do.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }

    /// Commits `append` as one, or nothing of it.
    ///
    /// # Errors
    /// `Invalid` and `Unsupported` before anything is sent; else those of
    /// [`EventStore::append`].
    ///
    /// # Cancel safety
    /// Dropping the future leaves all of the append or nothing. To learn which, append the
    /// same events, with the same ids, again.
    pub async fn append(&self, append: Append) -> Result<Receipt> {
        let request = append.build_for(self.tenant.as_ref())?;
        self.backend.capabilities().check_append(&request)?;
        self.backend.append(request).await
    }

    /// Reads what `read` describes.
    ///
    /// A read that cannot be done yields its error as the first and last item.
    pub fn read(&self, read: Read) -> EventStream {
        EventStream::new(match self.checked(read) {
            Err(error) => Box::pin(stream::once(async { Err(error) })),
            Ok(read) if read.log.is_some() => self.of_log(read, |backend, read| backend.read(read)),
            Ok(read) => self.backend.read(read),
        })
    }

    /// Reads what `read` describes and decodes each event as `E`.
    ///
    /// It does not filter: an event that `E` does not know ends the read with
    /// `UnknownEvent`. Add [`Read::types`] to see only what `E` knows.
    pub fn read_as<E: Event>(&self, read: Read) -> EventStream<E> {
        self.read(read).decoded()
    }

    /// Reads what is there and then what comes, without end, without a gap, nothing twice.
    ///
    /// Start behind a checkpoint with [`Read::after`], and name its log with
    /// [`Read::of_log`], so that a replaced or rolled-back log is noticed.
    pub fn follow(&self, read: Read) -> FollowStream {
        FollowStream::new(Backend::clone(&self.backend), self.checked(read))
    }

    /// Follows and decodes each event as `E`. It does not filter; see [`Store::read_as`].
    pub fn follow_as<E: Event>(&self, read: Read) -> FollowStream<E> {
        self.follow(read).decoded()
    }

    /// The version of the last event of `stream`; `None` when it has none.
    ///
    /// # Errors
    /// Those of a read.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn version(&self, stream: &StreamId) -> Result<Option<Version>> {
        let mut last = self.read(Read::stream(stream.clone()).backward().limit(1));
        Ok(last.next().await.transpose()?.map(|event| event.version))
    }

    /// The event with this id, if the log has it.
    ///
    /// # Errors
    /// Those of a read.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn find(&self, id: EventId) -> Result<Option<Recorded>> {
        self.read(Read::event(id)).next().await.transpose()
    }

    /// Which log this is and where it ends.
    ///
    /// # Errors
    /// Those of [`EventStore::head`].
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn head(&self) -> Result<Head> {
        self.backend.head().await
    }

    /// Waits until the log may have grown beyond `after`; see [`EventStore::wait`].
    ///
    /// # Errors
    /// Those of [`EventStore::wait`].
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn wait(&self, after: Position) -> Result<Head> {
        self.backend.wait(after).await
    }

    /// What an acknowledged append survives.
    ///
    /// # Errors
    /// Those of [`EventStore::durability`].
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn durability(&self) -> Result<Durability> {
        self.backend.durability().await
    }

    pub(super) fn checked(&self, read: Read) -> Result<Read> {
        let read = read.scoped(self.tenant.as_ref())?;
        self.backend.capabilities().check_read(&read)?;
        Ok(read)
    }

    /// A read whose positions belong to a log that was named: it must be this one.
    pub(super) fn of_log<P: Send + 'static>(
        &self,
        read: Read,
        begin: fn(&Backend, Read) -> BoxStream<'static, Result<P>>,
    ) -> BoxStream<'static, Result<P>> {
        let backend = Backend::clone(&self.backend);
        let checked = async move {
            let head = backend.head().await?;
            if let Some(expected) = read.log.filter(|log| *log != head.log) {
                return Err(Error::from(Diverged::Replaced { expected, found: head.log }));
            }
            if let Some(reader) = read.after.filter(|after| *after > head.position) {
                return Err(Error::from(Diverged::RolledBack { reader, head }));
            }
            Ok(begin(&backend, read))
        };
        Box::pin(stream::once(checked).try_flatten())
    }
}

impl<S: EventStore> From<S> for Store {
    fn from(store: S) -> Self {
        Self::new(store)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("backend", &self.backend)
            .field("tenant", &self.tenant)
            .finish()
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tenant {
            Some(tenant) => write!(f, "{} for tenant {tenant}", self.backend),
            None => fmt::Display::fmt(&self.backend, f),
        }
    }
}
