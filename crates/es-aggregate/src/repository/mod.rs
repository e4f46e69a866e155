//! The repository: what connects an aggregate to the log.

mod backoff;
mod cache;
mod commit;
mod execute;
mod load;
mod sending;
mod terms;
mod update;
mod watched;

use std::{
    fmt::{self, Display},
    sync::Arc,
};

use es_core::{Category, EventBus, Invalid, Key, Result, SnapshotStore, Store, StreamId, Version};
use serde::{Serialize, de::DeserializeOwned};

use self::cache::Cache;
pub use self::{commit::Saved, execute::Execute, load::Moment};
use crate::{Aggregate, Root, SnapshotPolicy, snapshot::Snapshots};

/// How often a command is decided again after a conflict, unless the caller says otherwise.
const DEFAULT_RETRIES: u32 = 5;

/// Loads aggregates of one kind, decides on them and saves them.
///
/// Cheap to clone; clones share the cache. Three styles work with it: methods on a
/// [`Root`] with [`Repository::save`], commands with [`Repository::execute`], closures with
/// [`Repository::update`].
///
/// ```
/// use es_aggregate::{Aggregate, Decide, Repository};
/// use es_core::{Event, Store};
/// use es_store_memory::MemoryStore;
///
/// #[derive(Event)]
/// enum CounterEvent {
///     Added { amount: u32 },
/// }
///
/// #[derive(Default)]
/// struct Counter(u32);
///
/// impl Aggregate for Counter {
///     const CATEGORY: &'static str = "counter";
///     type Event = CounterEvent;
///     fn evolve(&mut self, CounterEvent::Added { amount }: &CounterEvent) {
///         self.0 += amount;
///     }
/// }
///
/// struct Add(u32);
///
/// impl Decide<Add> for Counter {
///     type Error = &'static str;
///     fn decide(&self, Add(amount): &Add) -> Result<Vec<CounterEvent>, &'static str> {
///         match self.0 + amount {
///             0..=10 => Ok(vec![CounterEvent::Added { amount: *amount }]),
///             _ => Err("a counter goes to 10"),
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let counters = Repository::<Counter>::new(Store::new(MemoryStore::new()));
/// counters.execute("c1", &Add(7)).await.unwrap();
/// assert!(counters.execute("c1", &Add(7)).await.is_err());
/// assert_eq!(counters.load("c1").await?.0, 7);
/// # Ok(())
/// # }
/// ```
pub struct Repository<A: Aggregate> {
    store: Store,
    snapshots: Option<Arc<Snapshots<A>>>,
    cache: Option<Arc<Cache<A>>>,
    bus: Option<Arc<dyn EventBus>>,
    retries: u32,
}

impl<A: Aggregate> Repository<A> {
    /// A repository on `store`. A handle that is scoped to a tenant gives a repository of
    /// that tenant.
    ///
    /// Between two tries it pauses by tokio's timer; where there is none, it tries again at
    /// once.
    #[must_use]
    pub fn new(store: impl Into<Store>) -> Self {
        let store = store.into();
        Self { store, snapshots: None, cache: None, bus: None, retries: DEFAULT_RETRIES }
    }

    /// Keeps snapshots in `store`. Without it every load folds the whole stream.
    #[must_use]
    pub fn with_snapshots(mut self, store: impl SnapshotStore, policy: SnapshotPolicy) -> Self
    where
        A: Serialize + DeserializeOwned,
    {
        self.snapshots = Some(Arc::new(Snapshots::new(Arc::new(store), policy)));
        self
    }

    /// Keeps the folded states of up to `streams` aggregates in this process, for
    /// [`Repository::execute`]: a command on one of them costs an append and no read.
    ///
    /// Commands on one aggregate then queue in this process instead of conflicting. A state
    /// that another process has overtaken costs a conflict and a read of the rest, never
    /// correctness: a refusal, or a decision that nothing happens, is checked against the
    /// log before it is returned.
    ///
    /// *Limits.* Whatever is read for a kept state is compared with it, so that a log that has
    /// lost its end is noticed then. A command that writes reads nothing, and the log checks
    /// its version alone: if a server was replaced by one that lacks acknowledged events
    /// (asynchronous replication), the store does not answer with `LogDiverged`, and others have
    /// written as many events to the stream again, it is decided on what was lost. Start the
    /// program anew after such a loss, or do without the cache where it can happen.
    ///
    /// # Errors
    /// [`Invalid::Setting`] for 0.
    pub fn with_cache(mut self, streams: usize) -> Result<Self> {
        if streams == 0 {
            return Err(Invalid::Setting {
                setting: "the number of cached streams",
                value: "0".to_owned(),
                remedy: "use 1 or more, or leave `with_cache` out",
            }
            .into());
        }
        self.cache = Some(Arc::new(Cache::new(streams)));
        Ok(self)
    }

    /// Publishes what was saved on `bus`, after the commit.
    ///
    /// The events of one save are published in their order. Two saves, of one aggregate too
    /// and with the cache too, are published by whoever saved, each when it comes to it: in
    /// either order, or at once. Whoever needs an order goes by the version of the event. A
    /// handler may execute commands, on the same aggregate as well.
    ///
    /// For reactions inside one program. It is not a delivery guarantee: when the program
    /// ends between the two, nothing is published. A relay that follows the log has no
    /// such gap.
    #[must_use]
    pub fn with_publisher(mut self, bus: impl EventBus) -> Self {
        self.bus = Some(Arc::new(bus));
        self
    }

    /// How often a command is decided again after a conflict; 5 unless set. 0 means never.
    #[must_use]
    pub const fn with_retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// The store below.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The stream of the aggregate `id`.
    ///
    /// # Errors
    /// `Invalid` when the id's text cannot be a key.
    pub fn stream(&self, id: impl Display) -> Result<StreamId> {
        let stream = StreamId::of(Category::from_static(A::CATEGORY), Key::new(id.to_string())?);
        Ok(match self.store.tenant() {
            Some(tenant) => stream.with_tenant(tenant.clone()),
            None => stream,
        })
    }

    /// A new aggregate, to be recorded on and saved. Nothing is read: that it is new turns
    /// out when it is saved, as a conflict if it is not.
    ///
    /// # Errors
    /// `Invalid` when the id's text cannot be a key.
    pub fn create(&self, id: impl Display) -> Result<Root<A>> {
        Ok(Root::at(self.stream(id)?))
    }

    /// Whether the aggregate has events.
    ///
    /// # Errors
    /// `Invalid` for the id; else those of a read.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn exists(&self, id: impl Display) -> Result<bool> {
        Ok(self.version(id).await?.is_some())
    }

    /// The version of the aggregate's last event; `None` when it has none.
    ///
    /// # Errors
    /// `Invalid` for the id; else those of a read.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub fn version(
        &self,
        id: impl Display,
    ) -> impl Future<Output = Result<Option<Version>>> + Send {
        // The id is turned into a stream before the future exists, so that the future is
        // `Send` whatever the id is.
        let stream = self.stream(id);
        async move { self.store.version(&stream?).await }
    }
}

impl<A: Aggregate> Clone for Repository<A> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            snapshots: self.snapshots.clone(),
            cache: self.cache.clone(),
            bus: self.bus.clone(),
            retries: self.retries,
        }
    }
}

impl<A: Aggregate> fmt::Debug for Repository<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("category", &A::CATEGORY)
            .field("store", &self.store)
            .field("snapshots", &self.snapshots.is_some())
            .field("cache", &self.cache.is_some())
            .field("publisher", &self.bus)
            .field("retries", &self.retries)
            .finish()
    }
}
