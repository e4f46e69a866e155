//! A subscriber as every process can see it: by what is kept of it.

use std::{fmt, time::Duration};

use es_core::{
    CheckpointStore, DeadLetter, DeadLetterStore, Position, Receipt, Result, Store, SubscriberName,
};

use crate::{
    Projection, Reactor, Scope, Status, WaitError,
    engine::{Progresses, subscriber},
    slices::{Layout, Slice},
    status::{Kept, Who},
    wait_for,
};

/// After which time without a sign of life an owner counts as gone: six times as long as
/// a worker takes at most, if nothing else was said to it.
const SILENT_AFTER: Duration = Duration::from_secs(30);

/// How far behind is no longer well.
const LATE_AFTER: Duration = Duration::from_secs(60);

/// A projection or a reactor that any process runs, seen by what is kept of it: its checkpoint
/// and its dead letters, beside the log. It needs no runner and changes nothing, so it serves
/// dashboards, health checks and programs that only read the rows.
///
/// ```
/// # use es_core::{BoxError, Event, Recorded, Store};
/// # use es_projection::{Projection, Runner};
/// # use es_store_memory::{MemoryReadModel, MemoryStore, MemoryTx};
/// use es_projection::{State, Subscriber};
///
/// # #[derive(Event)]
/// # enum OrderEvent { Placed }
/// # struct Orders;
/// # impl Projection for Orders {
/// #     const NAME: &'static str = "orders";
/// #     type Event = OrderEvent;
/// #     type Tx = MemoryTx;
/// #     async fn apply(&self, _: &Recorded<OrderEvent>, _: &mut MemoryTx) -> Result<(), BoxError> {
/// #         Ok(())
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> es_core::Result<()> {
/// # let (store, model) = (Store::new(MemoryStore::new()), MemoryReadModel::new());
/// let orders = Subscriber::of_projection(store.clone(), &Orders, model.clone())?;
/// assert!(orders.status().await?.health.is_unhealthy(), "nobody works on it");
///
/// Runner::new(store).project(Orders, model).catch_up().await?;
/// let status = orders.status().await?;
/// assert_eq!((status.state, status.parked), (State::Live, 0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Subscriber<C> {
    store: Store,
    kept: C,
    name: &'static str,
    version: u32,
    whole: SubscriberName,
    scope: Scope,
    silent_after: Duration,
    late_after: Duration,
}

impl<C: CheckpointStore + DeadLetterStore> Subscriber<C> {
    /// The projection whose progress is kept in `model`.
    ///
    /// # Errors
    /// `Invalid` when its name cannot be one.
    pub fn of_projection<P: Projection>(store: Store, projection: &P, model: C) -> Result<Self> {
        Self::new(store, P::NAME, P::VERSION, projection.scope(), model)
    }

    /// The reactor whose progress is kept in `checkpoints`.
    ///
    /// # Errors
    /// `Invalid` when its name cannot be one.
    pub fn of_reactor<R: Reactor>(store: Store, reactor: &R, checkpoints: C) -> Result<Self> {
        Self::new(store, R::NAME, R::VERSION, reactor.scope(), checkpoints)
    }

    fn new(store: Store, name: &'static str, version: u32, scope: Scope, kept: C) -> Result<Self> {
        let whole = subscriber(name, version)?;
        let scope = scope.seen_by(&store);
        let (silent_after, late_after) = (SILENT_AFTER, LATE_AFTER);
        Ok(Self { store, kept, name, version, whole, scope, silent_after, late_after })
    }

    /// Sets after which time without a sign of life the owner counts as gone: 30 seconds if it
    /// is not said. It must be longer than the heartbeat of the runner, which is 5 seconds.
    #[must_use]
    pub const fn with_silent_after(mut self, time: Duration) -> Self {
        self.silent_after = time;
        self
    }

    /// Sets how far behind it may be and still be well: a minute if it is not said.
    #[must_use]
    pub const fn with_late_after(mut self, time: Duration) -> Self {
        self.late_after = time;
        self
    }

    /// The name that its progress is kept under.
    #[must_use]
    pub const fn name(&self) -> &SubscriberName {
        &self.whole
    }

    /// What it is doing, as far as that is kept (P4): `rate` and `handled` are known to the
    /// process at work alone and are zero, and a worker that has failed is one that is silent.
    ///
    /// # Errors
    /// Those of looking at what is kept. A log that cannot be asked is no error but told by
    /// the status.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn status(&self) -> Result<Status> {
        let slices = self.slices().await?;
        let mut statuses = Vec::with_capacity(slices.len());
        let head = self.store.head().await;
        for (subscriber, slice) in &slices {
            let (name, version, scope) = (self.name, self.version, &self.scope);
            let who = Who { name, version, subscriber, scope, slice: *slice };
            let kept = Kept::of(self.progresses(), subscriber).await?;
            let times = (self.silent_after, self.late_after);
            statuses.push(kept.status(&who, &self.store, head.as_ref(), times).await);
        }
        let whole = match slices.as_slice() {
            [(_, None)] => statuses.pop(),
            _ => Status::of_slices(&self.whole, statuses),
        };
        let nothing = || es_core::Error::new(es_core::ErrorKind::Fault, "a layout without slices");
        whole.ok_or_else(nothing)
    }

    /// Waits until it has seen everything that `receipt` tells of (P6), as [`wait_for`] does.
    ///
    /// # Errors
    /// Those of [`wait_for`].
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn wait_for(&self, receipt: &Receipt, within: Duration) -> Result<(), WaitError> {
        wait_for(&self.kept, &self.whole, receipt, within).await
    }

    /// Its dead letters behind `after`, by position, at most `limit`; of all slices.
    ///
    /// # Errors
    /// Those of looking at what is kept.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn dead_letters(&self, after: Position, limit: usize) -> Result<Vec<DeadLetter>> {
        let mut letters = Vec::new();
        for (subscriber, _) in self.slices().await? {
            letters.extend(self.kept.dead_letters(&subscriber, after, limit).await?);
        }
        letters.sort_by_key(|letter| letter.position);
        letters.truncate(limit);
        Ok(letters)
    }

    /// The names that progress is kept under: one, or those of the slices.
    async fn slices(&self) -> Result<Vec<(SubscriberName, Option<Slice>)>> {
        let known = self.kept.checkpoint(&self.whole).await?;
        match known.as_ref().and_then(Layout::of) {
            None => Ok(vec![(self.whole.clone(), None)]),
            Some(layout) => Slice::all(layout.count)
                .map(|slice| Ok((slice.subscriber(&self.whole)?, Some(slice))))
                .collect(),
        }
    }

    fn progresses(&self) -> &dyn Progresses {
        &self.kept
    }
}

impl<C> fmt::Debug for Subscriber<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").field("name", &self.whole).finish_non_exhaustive()
    }
}
