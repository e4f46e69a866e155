//! Going back: events that were handled are handled again.
//!
//! *Hazard.* A worker goes on while the rows are cleared; a crash comes between clearing the
//! rows and moving the checkpoint: then events are missing from the rows, or in them twice.
//! *Mechanism.* Rows and checkpoint go back in one commit, behind a claim that fences whoever
//! works. For slices, which have many checkpoints, the layout is closed first, so nobody works
//! from then on; the commit that clears the rows says so in the layout, and only then the
//! slices are moved, one by one. Run again after a crash it goes on from what the layout says.
//! *Cost.* Nobody works meanwhile, and readers see the rows as they were cleared.

use std::{fmt, future::Future};

use es_core::{
    BoxError, Checkpoint, CheckpointStore, DeadLetterStore, Error, ErrorKind, Owner, Position,
    Progress, ReadModel, Result, Store, SubscriberName, Timestamp,
};

use crate::{
    Projection, Reactor, Scope,
    engine::{Progresses, subscriber},
    slices::{Layout, Phase, Slice, nobody},
};

/// A projection whose rows can be taken back, so that events can be applied again.
///
/// Readers see what is missing until the events are there again. Where they must not, build
/// another version beside this one: [`Rebuild`](crate::Rebuild).
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
/// impl Replay for Balances {
///     async fn clear(&self, after: Position, tx: &mut MemoryTx) -> Result<(), BoxError> {
///         if after != Position::START {
///             return Err("sums do not tell what came when".into());
///         }
///         tx.delete(&BALANCES, &"alice".to_owned())?;
///         Ok(())
///     }
/// }
///
/// let mut runner = Runner::new(store.clone()).project(Balances, model.clone());
/// runner.catch_up().await?;
/// replay(&store, &Balances, &model, ReplayFrom::Start).await?;
/// assert_eq!(model.get(&BALANCES, &"alice".to_owned())?, None);
/// assert_eq!(runner.catch_up().await?[0].handled, 1);
/// # Ok(())
/// # }
/// ```
pub trait Replay: Projection {
    /// Takes what the events behind `after` have done out of the rows; at
    /// [`Position::START`] that is everything. It commits in one transaction with the
    /// checkpoint, and may be called again when that fails.
    ///
    /// Rows that come out the same however often an event is applied can stay. Sums cannot:
    /// where they do not tell what came when, only a replay from the start is right, and this
    /// should refuse any other.
    ///
    /// # Errors
    /// Whatever goes wrong; then nothing has changed.
    fn clear(
        &self,
        after: Position,
        tx: &mut Self::Tx,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// From where events are handled again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayFrom {
    /// From the start of the log.
    Start,
    /// From the event at this position on.
    Position(Position),
    /// From the first event on that was recorded at this time or later.
    Time(Timestamp),
}

/// What going back did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rewound {
    /// Who went back.
    pub subscriber: SubscriberName,
    /// Events behind this position come again.
    pub after: Position,
}

impl fmt::Display for Rewound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} goes on behind position {}", self.subscriber, self.after)
    }
}

/// Lets a projection handle events again. Whoever works on it is fenced; with leases it goes
/// on by itself, else [`Running::resume`](crate::Running::resume) lets it.
///
/// Rows, checkpoint and dead letters go back in one commit. What was parked or given up behind
/// the place is forgotten, since it comes again; a stream that was parked before the place
/// waits on. It never goes forward: what was not handled yet is not skipped.
///
/// ```
/// # use es_core::{BoxError, Event, Position, Recorded, Store};
/// # use es_store_memory::{MemoryReadModel, MemoryStore, MemoryTx, Table};
/// use es_projection::{Projection, Replay, ReplayFrom, Runner, replay};
///
/// # #[derive(Event)]
/// # enum OrderEvent { Placed }
/// const ORDERS: Table<u64, String> = Table::new("orders");
///
/// struct Orders;
/// # impl Projection for Orders {
/// #     const NAME: &'static str = "orders";
/// #     type Event = OrderEvent;
/// #     type Tx = MemoryTx;
/// #     async fn apply(&self, event: &Recorded<OrderEvent>, tx: &mut MemoryTx) -> Result<(), BoxError> {
/// #         Ok(tx.put(&ORDERS, event.position.get(), event.stream.to_string())?)
/// #     }
/// # }
///
/// impl Replay for Orders {
///     async fn clear(&self, after: Position, tx: &mut MemoryTx) -> Result<(), BoxError> {
///         if after != Position::START {
///             return Err("orders are only made anew as a whole".into());
///         }
///         // DELETE FROM orders, where there is SQL.
/// #       let _ = tx;
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> es_core::Result<()> {
/// # let (store, model) = (Store::new(MemoryStore::new()), MemoryReadModel::new());
/// replay(&store, &Orders, &model, ReplayFrom::Start).await?;
/// Runner::new(store).project(Orders, model).catch_up().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// `Fault` with what [`Replay::clear`] failed with; `Fenced` when another replay or worker came
/// between; `LogDiverged`; those of the store. Nothing has changed then, but that a projection in
/// slices may stand still until it is run again. After `OutcomeUnknown` too, run it again.
///
/// # Cancel safety
/// It has gone back or it has not. One in slices may stand still until it is run again.
pub async fn replay<P, M>(
    store: &Store,
    projection: &P,
    model: &M,
    from: ReplayFrom,
) -> Result<Rewound>
where
    P: Replay,
    M: ReadModel<Tx = P::Tx> + DeadLetterStore,
{
    let name = subscriber(P::NAME, P::VERSION)?;
    let back = Back { store, kept: model, name, scope: projection.scope().seen_by(store) };
    back.go(from, async |progress: Progress| {
        let mut tx = model.begin().await?;
        projection.clear(progress.position, &mut tx).await.map_err(|error| {
            Error::fault(format!("{} could not be cleared", progress.subscriber), error)
        })?;
        model.commit(tx, &progress).await
    })
    .await
}

/// Lets a reactor react again: **all effects of those events happen again**, with the same
/// idempotency keys. Else as [`replay`].
///
/// # Errors
/// Those of [`replay`].
///
/// # Cancel safety
/// That of [`replay`].
pub async fn react_again<R, C>(
    store: &Store,
    reactor: &R,
    checkpoints: &C,
    from: ReplayFrom,
) -> Result<Rewound>
where
    R: Reactor,
    C: CheckpointStore + DeadLetterStore,
{
    let name = subscriber(R::NAME, R::VERSION)?;
    let back = Back { store, kept: checkpoints, name, scope: reactor.scope().seen_by(store) };
    back.go(from, async |progress: Progress| checkpoints.advance(&progress).await).await
}

/// One going back.
struct Back<'a> {
    store: &'a Store,
    kept: &'a dyn Progresses,
    name: SubscriberName,
    scope: Scope,
}

impl Back<'_> {
    /// `commit` takes what is cleared back together with the progress that it is given.
    async fn go(
        &self,
        from: ReplayFrom,
        commit: impl AsyncFn(Progress) -> Result<()>,
    ) -> Result<Rewound> {
        let after = self.place(from).await?;
        let whole = self.claim(&self.name).await?;
        let after = match Layout::of(&whole) {
            None => {
                let progress = Progress::back_to(&whole, after);
                let after = progress.position;
                commit(progress).await?;
                self.leave(&whole).await?;
                after
            }
            Some(layout) => self.go_in_slices(layout, &whole, after, commit).await?,
        };
        Ok(Rewound { subscriber: self.name.clone(), after })
    }

    async fn go_in_slices(
        &self,
        layout: Layout,
        whole: &Checkpoint,
        after: Position,
        commit: impl AsyncFn(Progress) -> Result<()>,
    ) -> Result<Position> {
        let mark = |phase| Layout { count: layout.count, phase }.mark();
        let (begin, after) = match layout.phase {
            Phase::Open | Phase::Closed => (whole.position, after),
            // The rows behind this place are cleared, so nothing less will do. Where slices
            // once began is not known any more; all of them are there, so that does not matter.
            Phase::Moving => (Position::START, after.min(whole.position)),
        };
        if layout.phase == Phase::Open {
            let closed = Progress::from(whole, whole.position).with_event(mark(Phase::Closed));
            self.kept.advance(&closed).await?;
        }
        let mut slices = Vec::with_capacity(usize::from(layout.count));
        for slice in Slice::all(layout.count) {
            let mut claimed = self.claim(&slice.subscriber(&self.name)?).await?;
            if claimed.position < begin {
                self.kept.advance(&Progress::from(&claimed, begin)).await?;
                claimed.position = begin;
            }
            slices.push(claimed);
        }
        let mut cleared = Progress::from(whole, after).with_event(mark(Phase::Moving));
        cleared.moves_back = true;
        commit(cleared).await?;
        for slice in &mut slices {
            loop {
                match self.kept.advance(&Progress::back_to(slice, after)).await {
                    // A worker that came since. It does nothing before the layout is open.
                    Err(error) if error.kind() == ErrorKind::Fenced => {
                        *slice = self.claim(&slice.subscriber).await?;
                    }
                    moved => break moved?,
                }
            }
        }
        let mut open = Progress::from(whole, begin.min(after)).with_event(mark(Phase::Open));
        open.moves_back = true;
        self.kept.advance(&open).await?;
        for slice in &slices {
            self.leave(slice).await?;
        }
        Ok(after)
    }

    /// Fences whoever works on it, and makes sure that it is of this log (P7).
    async fn claim(&self, name: &SubscriberName) -> Result<Checkpoint> {
        let log = self.store.head().await?.log;
        let claimed = self.kept.claim(name, log, &Owner::new("replay")).await?;
        claimed.check(self.store.head().await?)?;
        Ok(claimed)
    }

    /// Leaves it in good order, so that nobody waits for a lease; nothing if somebody works.
    async fn leave(&self, claimed: &Checkpoint) -> Result<()> {
        let known = self.kept.checkpoint(&claimed.subscriber).await?;
        if known.is_some_and(|known| known.epoch == claimed.epoch) {
            self.kept.claim(&claimed.subscriber, claimed.log, &nobody()).await?;
        }
        Ok(())
    }

    /// Behind which position events come again.
    async fn place(&self, from: ReplayFrom) -> Result<Position> {
        let before = |position: Position| Position::new(position.get().saturating_sub(1));
        match from {
            ReplayFrom::Start => Ok(Position::START),
            ReplayFrom::Position(position) => Ok(before(position)),
            ReplayFrom::Time(time) => {
                let head = self.store.head().await?;
                let read = Scope::read_for_all([&self.scope]).recorded_since(time).limit(1);
                match self.store.read(read).next().await.transpose()? {
                    Some(event) => Ok(before(event.position)),
                    None => Ok(head.position),
                }
            }
        }
    }
}
