//! A new version of a projection is built beside the one that serves, and then takes its
//! place.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use es_core::{
    BoxError, DeadLetterStore, Error, ErrorKind, Fenced, Position, Progress, ReadModel, Result,
    Store,
};
use tokio::sync::watch;

use super::{ROWS_BATCH, Runner};
use crate::{Policy, Projection, board::View, engine::Projecting};

/// After how many rounds the swap is made although the log has grown again meanwhile. The new
/// version follows it from there like any other.
const ROUNDS: usize = 10;

/// A projection whose new version can take the place of the old one (P5).
///
/// Both versions are there at once, so their rows must be in different tables, named by
/// [`Projection::VERSION`] say, and something must tell readers which to look at: a view, a
/// name, a row. [`Rebuild::swap`] changes that.
///
/// ```
/// # use es_core::{Append, BoxError, Event, ExpectedVersion, Position, Recorded, Store, StreamId};
/// # use es_projection::*;
/// # use es_store_memory::{MemoryReadModel, MemoryStore, MemoryTx, Table};
/// # #[derive(Event)]
/// # enum AccountEvent {
/// #     Deposited { cents: u64 },
/// # }
/// # const BALANCES: Table<String, u64> = Table::new("balances");
/// # struct Balances;
/// # impl Projection for Balances {
/// #     const NAME: &'static str = "balances";
/// #     type Event = AccountEvent;
/// #     type Tx = MemoryTx;
/// #     async fn apply(&self, event: &Recorded<AccountEvent>, tx: &mut MemoryTx) -> Result<(), BoxError> {
/// #         let AccountEvent::Deposited { cents } = event.event;
/// #         let account = event.stream.key().to_string();
/// #         tx.update(&BALANCES, account, |balance| Some(balance.unwrap_or(0) + cents))?;
/// #         Ok(())
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (store, model) = (Store::new(MemoryStore::new()), MemoryReadModel::new());
/// # let deposit = Append::to(StreamId::new("account", "alice")?, ExpectedVersion::Any)
/// #     .event(AccountEvent::Deposited { cents: 500 });
/// # store.append(deposit).await?;
/// // `Balances` has written to another table since its `VERSION` was raised.
/// const SERVING: Table<&'static str, u32> = Table::new("serving");
///
/// impl Rebuild for Balances {
///     async fn swap(&self, tx: &mut MemoryTx) -> Result<(), BoxError> {
///         tx.put(&SERVING, "balances", Self::VERSION)?;
///         Ok(())
///     }
/// }
///
/// let rebuilt = Rebuilding::new(store, Balances, model.clone()).run().await?;
/// assert_eq!(rebuilt.handled, 1);
/// assert_eq!(model.get(&SERVING, &"balances")?, Some(Balances::VERSION));
/// # Ok(())
/// # }
/// ```
pub trait Rebuild: Projection {
    /// Looks whether the new rows are as they should be: their number, a sum. Without it
    /// nothing is looked at.
    ///
    /// # Errors
    /// What is wrong; then nothing is swapped.
    fn verify(&self, tx: &mut Self::Tx) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = tx;
        async { Ok(()) }
    }

    /// Lets readers see the rows of this version from now on. It commits in one transaction
    /// with the checkpoint, so nobody sees it half, and a fenced worker does not swap. It may
    /// happen again when a reply was lost.
    ///
    /// # Errors
    /// Whatever goes wrong; then nothing is swapped.
    fn swap(&self, tx: &mut Self::Tx) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// Builds a version of a projection up to the end of the log, and swaps it in.
///
/// No reactor runs, and the version that serves is not touched: it goes on, and its rows
/// stay for a way back. What is built is committed batch by batch under the new version's own
/// name (`orders-v2`), so running it again after a crash goes on from there.
///
/// ```
/// # use es_core::{Append, BoxError, Event, ExpectedVersion, Recorded, Store, StreamId};
/// # use es_projection::{Projection, Rebuild, Rebuilding};
/// # use es_store_memory::{MemoryReadModel, MemoryStore, MemoryTx};
/// # #[derive(Event)]
/// # enum OrderEvent { Placed }
/// # struct Orders;
/// # impl Projection for Orders {
/// #     const NAME: &'static str = "orders";
/// #     const VERSION: u32 = 2;
/// #     type Event = OrderEvent;
/// #     type Tx = MemoryTx;
/// #     async fn apply(&self, _: &Recorded<OrderEvent>, _: &mut MemoryTx) -> Result<(), BoxError> {
/// #         Ok(())
/// #     }
/// # }
/// # impl Rebuild for Orders {
/// #     async fn swap(&self, _: &mut MemoryTx) -> Result<(), BoxError> { Ok(()) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (store, model) = (Store::new(MemoryStore::new()), MemoryReadModel::new());
/// # let order = StreamId::new("order", 17)?;
/// # store.append(Append::to(order, ExpectedVersion::Any).event(OrderEvent::Placed)).await?;
/// let mut rebuilding = Rebuilding::new(store, Orders, model);
/// let watch = rebuilding.watch();
/// let showing = tokio::spawn(async move {
///     let Some(mut watch) = watch else { return };
///     while watch.changed().await {
///         let progress = watch.progress();
///         println!("{} of {}, {:?} left", progress.position, progress.head, progress.left);
///     }
/// });
/// let rebuilt = rebuilding.run().await?;
/// assert_eq!((rebuilt.handled, rebuilt.parked), (1, 0));
///
/// drop(rebuilding);
/// showing.await?;
/// # Ok(())
/// # }
/// ```
///
/// [`Rebuild`] shows what a projection says for it.
#[must_use = "nothing is built until it is run"]
pub struct Rebuilding<P, M> {
    runner: Runner,
    engine: Arc<Projecting<P, M>>,
    head: Arc<AtomicU64>,
    accepts_parked: bool,
}

/// What a rebuild did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rebuilt {
    /// Everything up to here is in the rows that serve now.
    pub position: Position,
    /// How many events were handled; after a crash, since then.
    pub handled: u64,
    /// How many events are parked.
    pub parked: u64,
}

impl<P, M> Rebuilding<P, M>
where
    P: Rebuild,
    M: ReadModel<Tx = P::Tx> + DeadLetterStore,
{
    /// Prepares to build `projection` in `model` from the events of `store`.
    pub fn new(store: Store, projection: P, model: M) -> Self {
        Self::with_policy(store, projection, model, Policy::default())
    }

    /// Likewise, with a policy of its own. Larger batches build faster.
    pub fn with_policy(store: Store, projection: P, model: M, policy: Policy) -> Self {
        let (scope, batch) = (projection.scope(), policy.batch.unwrap_or(ROWS_BATCH));
        let engine = Arc::new(Projecting { projection, model });
        let erased = Arc::clone(&engine) as Arc<dyn crate::engine::Engine>;
        let mut runner = Runner::new(store).add(P::NAME, P::VERSION, scope, policy, batch, erased);
        runner.is_rebuild = true;
        Self { runner, engine, head: Arc::default(), accepts_parked: false }
    }

    /// Swaps also when events are parked, whose effects are missing from the rows then.
    /// Without it they prevent the swap: start the new version, retry or skip them, and run
    /// the rebuild again.
    pub fn accept_parked(mut self) -> Self {
        self.accepts_parked = true;
        self
    }

    /// Shows how far it is, from now on.
    #[must_use]
    pub fn watch(&self) -> Option<RebuildWatch> {
        let views: Vec<_> = self.runner.jobs.iter().map(|job| job.board.watch()).collect();
        let head = Arc::clone(&self.head);
        (!views.is_empty()).then_some(RebuildWatch { views, head, begun: None })
    }

    /// Builds, verifies and swaps.
    ///
    /// # Errors
    /// Those of [`Runner::catch_up`]; `Fault` when the rows do not pass
    /// [`Rebuild::verify`], when [`Rebuild::swap`] fails, or when events are parked;
    /// `Fenced` when another worker builds the same version; those of the commit. In each
    /// case the version that served serves on, but for `OutcomeUnknown`, where running it again
    /// is safe.
    ///
    /// # Cancel safety
    /// What is committed stays, and running it again goes on from there. Dropping the future
    /// ends its work at the next await of each worker, which on a runtime with several threads can
    /// be a moment later: a worker that is just claiming its slice may do so behind the next run,
    /// which is `Fenced` then and writes nothing with it. Run it once more.
    pub async fn run(&mut self) -> Result<Rebuilt> {
        let mut handled = 0;
        let mut caught_up;
        let mut round = 1;
        loop {
            let head = self.runner.store.head().await?.position;
            self.head.store(head.get(), Ordering::Relaxed);
            caught_up = self.runner.catch_up().await?;
            handled += caught_up.iter().map(|done| done.handled).sum::<u64>();
            let now = self.runner.store.head().await?.position;
            let grown = now.get().saturating_sub(head.get());
            if round == ROUNDS || grown <= ROWS_BATCH as u64 {
                break;
            }
            round += 1;
        }
        let Some(done) = caught_up.first() else {
            return Err(Error::new(ErrorKind::Fault, "there is nothing to rebuild"));
        };
        if done.parked > 0 && !self.accepts_parked {
            let (name, parked) = (&done.subscriber, done.parked);
            let message = format!("{name} is not swapped in: {parked} events are parked");
            return Err(Error::new(ErrorKind::Fault, message));
        }
        self.swap().await?;
        Ok(Rebuilt { position: done.position, handled, parked: done.parked })
    }

    async fn swap(&self) -> Result<()> {
        let Some(job) = self.runner.jobs.first() else { return Ok(()) };
        let Projecting { projection, model } = &*self.engine;
        let name = &job.whole;
        let mut checkpoint = None;
        for job in &self.runner.jobs {
            let (name, held) = (&job.subscriber, job.board.view().epoch);
            let Some(known) = model.checkpoint(name).await? else {
                return Err(Error::new(ErrorKind::NotFound, format!("{name} was forgotten")));
            };
            if known.epoch != held {
                return Err(Fenced::new(name.clone(), held, known.epoch).into());
            }
            checkpoint = Some(known);
        }
        if job.slice.is_some() {
            // No worker owns the whole, so owning it fences another rebuild's swap.
            let log = self.runner.store.head().await?.log;
            checkpoint = Some(model.claim(name, log, &self.runner.owner).await?);
        }
        let Some(checkpoint) = checkpoint else { return Ok(()) };
        let mut tx = model.begin().await?;
        let failed = |what| move |error| Error::fault(format!("{name} {what}"), error);
        projection.verify(&mut tx).await.map_err(failed("does not pass its verification"))?;
        projection.swap(&mut tx).await.map_err(failed("could not be swapped in"))?;
        model.commit(tx, &Progress::from(&checkpoint, checkpoint.position)).await
    }
}

impl<P: Projection, M> fmt::Debug for Rebuilding<P, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rebuilding")
            .field("projection", &P::NAME)
            .field("version", &P::VERSION)
            .finish_non_exhaustive()
    }
}

/// How far a rebuild is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct RebuildProgress {
    /// Everything up to here is built.
    pub position: Position,
    /// Where the log ended when it was looked at last.
    pub head: Position,
    /// How many events were handled.
    pub handled: u64,
    /// Events that are handled in a second.
    pub rate: f64,
    /// How long it will take still, if it goes on as it did; `None` before anything is known.
    pub left: Option<Duration>,
}

/// Shows how far a rebuild is.
#[derive(Clone, Debug)]
pub struct RebuildWatch {
    views: Vec<watch::Receiver<View>>,
    head: Arc<AtomicU64>,
    /// When it was first looked at, and where it was, over all slices.
    begun: Option<(Instant, u64)>,
}

impl RebuildWatch {
    /// How far it is.
    pub fn progress(&mut self) -> RebuildProgress {
        let head = Position::new(self.head.load(Ordering::Relaxed));
        let now = Instant::now();
        let (mut position, mut handled, mut rate) = (head, 0, 0.0);
        // Over all slices: one that has not begun says nothing about the others.
        let mut at = 0;
        for view in &mut self.views {
            let view = view.borrow_and_update();
            position = position.min(view.position);
            at += view.position.min(head).get();
            handled += view.handled;
            rate += view.rate.at(now);
        }
        let (begun, from) = *self.begun.get_or_insert((now, at));
        let left = head.get().saturating_mul(self.views.len() as u64).saturating_sub(at);
        let left = match at.saturating_sub(from) {
            0 => None,
            done => u32::try_from(left.saturating_mul(1_000) / done)
                .ok()
                .map(|thousandths| (now - begun) * thousandths / 1_000),
        };
        RebuildProgress { position, head, handled, rate, left }
    }

    /// Waits until it is further; `false` when the rebuild is gone.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn changed(&mut self) -> bool {
        let changes = self.views.iter_mut().map(|view| Box::pin(view.changed()));
        futures_util::future::select_all(changes).await.0.is_ok()
    }
}
