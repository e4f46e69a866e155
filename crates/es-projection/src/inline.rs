//! A projection that is applied in the transaction of the append.
//!
//! *Hazard.* Other appends, of this process or another, go past the projection; a worker may
//! work on the same rows; an append inside a transaction that began earlier may be applied
//! before events that are in the log before it.
//! *Mechanism.* The checkpoint is that of the subscriber, as a worker's is. Behind the append,
//! where the log's lock is held, it is looked at: what is between it and the append is committed
//! and is applied first. Rows, events and checkpoint commit together, under the epoch that was
//! looked at.
//! *Why it is sound.* Those who append take turns by the log's lock, which each holds from the
//! look to the commit, so they can share an epoch. A worker does not take that lock; but a claim
//! raised the epoch when the projection became inline, and whoever claims later fences the
//! appends, which write nothing then.
//! *Cost.* A look at the checkpoint for each append, a read where others appended in between,
//! and everybody else's appends wait until the transaction ends.

mod tx;

use std::{fmt, sync::Arc};

use es_core::{
    Append, AppendIn, AppendRequest, Checkpoint, ConditionFailed, DeadLetterStore, Diverged,
    Envelope, Error, ErrorKind, Fenced, Position, Read, ReadModel, Receipt, Recorded, Result,
    Store, SubscriberName,
};
use tokio::sync::Semaphore;

pub use tx::InlineTx;

use crate::{
    Policy, Projection, Runner, Scope,
    engine::{Projecting, subscriber},
    give_way::GiveWay,
    slices::{Layout, misfit},
    worker::inline_owner,
};

/// Events that others appended in between are applied with the append, up to so many. If there
/// are more, somebody has to catch up first, who lets appends through in between.
const MOST_BETWEEN: u64 = 10_000;

/// Places of the log that are caught up in one transaction.
const STEP: u64 = 2_048;

/// Transactions that are under way at once; the log's lock lets one of them append.
const AT_ONCE: usize = 2;

/// A projection that is applied in the transaction of the append: rows and events commit
/// together or not at all, so its rows are never behind what was appended through it (P6).
///
/// For logs that take an append within a transaction of the read model, [`AppendIn`]: a
/// PostgreSQL log with a `PostgresReadModel` in the same database, an SQLite log with an
/// `SqliteReadModel` on the same file.
///
/// It costs what the projection costs, while everybody else's appends wait. An event that it
/// cannot apply is not parked: the append fails, and nothing was written. So keep it small, and
/// leave to a [`Runner`] what may come a moment later.
///
/// Appends that go past it (another program, a `Store`) are applied with the next append that
/// does not; until then the rows do not have them. An event among them that cannot be applied fails
/// every later append: a statement that failed may have ended the transaction, so there is no part of
/// it to go on with, and no [`OnFailure`](crate::OnFailure) applies. Mend the projection, or give it
/// back to runners by [`replay`](crate::replay), which park the event. All processes that append must do it
/// through an `Inline` if the rows are never to be behind.
///
/// ```
/// use es_core::{
///     Append, AppendIn, DeadLetterStore, Event, ExpectedVersion, ReadModel, Result, Store, StreamId,
/// };
/// use es_projection::{Inline, Projection};
///
/// #[derive(Event)]
/// enum AccountEvent {
///     Deposited { cents: i64 },
/// }
///
/// /// On an `SqliteStore` with an `SqliteReadModel`, say.
/// async fn deposit<S, P, M>(log: S, balances: P, model: M) -> Result<()>
/// where
///     S: AppendIn<M::Tx> + Clone,
///     P: Projection<Event = AccountEvent, Tx = M::Tx>,
///     M: ReadModel + DeadLetterStore,
/// {
///     let accounts = Inline::start(Store::new(log.clone()), log, balances, model).await?;
///
///     // One append, with its rows.
///     let alice = StreamId::new("account", "alice")?;
///     let deposit = AccountEvent::Deposited { cents: 500 };
///     accounts.append(Append::to(alice.clone(), ExpectedVersion::Any).event(deposit)).await?;
///
///     // Or a transaction, which also takes rows of one's own.
///     let mut tx = accounts.begin().await?;
///     let more = AccountEvent::Deposited { cents: 100 };
///     tx.append(Append::to(alice, ExpectedVersion::Exists).event(more)).await?;
///     // Here `tx` sees a balance of 600; from its commit on everybody does.
///     tx.commit().await
/// }
/// ```
pub struct Inline<S, P, M> {
    store: Store,
    log: S,
    engine: Arc<Projecting<P, M>>,
    name: SubscriberName,
    scope: Scope,
    /// Whether events may be read in other forms than they are kept in.
    is_layered: bool,
    /// Whoever holds the log's lock needs another connection of the model for a moment. Were
    /// all of them with those who wait for that lock, it would never come.
    turns: Arc<Semaphore>,
}

impl<S, P, M> Inline<S, P, M>
where
    S: AppendIn<M::Tx>,
    P: Projection<Tx = M::Tx>,
    M: ReadModel + DeadLetterStore,
{
    /// Brings the projection up to the end of the log, as a [`Runner`] does, and makes it
    /// inline: whoever works on it is fenced, and runners leave it alone from then on. If it
    /// is inline already, nothing changes, unless more than 10,000 events were appended past it:
    /// then it catches up, in steps that let appends through in between. Where several processes
    /// start it at once, they let each other through.
    ///
    /// `store` reads the same log that `log` is, perhaps through layers. Appends do not go through
    /// them, but their conditions are looked at through them as well.
    ///
    /// # Errors
    /// Those of [`Runner::catch_up`]; `Invalid` when events are parked, or the projection is in
    /// slices; `Unsupported` for a handle that is scoped to a tenant (name tenants in stream
    /// names); `LogDiverged` when `store` is of another log, or `log` is not the one that the
    /// projection was made in; those of [`InlineTx::append`] where it catches up.
    ///
    /// # Cancel safety
    /// What is committed stays; calling it again is safe.
    pub async fn start(store: Store, log: S, projection: P, model: M) -> Result<Self> {
        if store.tenant().is_some() {
            let message = "an inline projection takes a handle that is not scoped to a tenant";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let (name, scope) = (subscriber(P::NAME, P::VERSION)?, projection.scope());
        let engine = Arc::new(Projecting { projection, model });
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        // A layer says what it is around, and that it is.
        let is_layered = store.to_string() != log.to_string();
        let inline = Self { store, log, engine, name, scope, is_layered, turns };
        let id = inline.log.head().await?.log;
        let found = inline.store.head().await?.log;
        if found != id {
            return Err(Diverged::Replaced { expected: id, found }.into());
        }
        let mut give_way = GiveWay::new();
        while !inline.is_inline().await? {
            match inline.catch_up().await {
                // Somebody else is making it inline, or works on it and is fenced next time.
                Err(error) if error.kind() == ErrorKind::Fenced => {
                    give_way.wait().await;
                    continue;
                }
                // Somebody else has made it inline, and runners refuse to work on it.
                Err(_) if inline.is_inline().await? => break,
                caught_up => caught_up?,
            }
            let model = &inline.engine.model;
            if !model.dead_letters(&inline.name, Position::START, 1).await?.is_empty() {
                let message = format!(
                    "{} has parked events: retry or skip them before it is made inline",
                    inline.name
                );
                return Err(Error::new(ErrorKind::Invalid, message));
            }
            model.claim(&inline.name, id, &inline_owner()).await?;
        }
        inline.approach().await?;
        Ok(inline)
    }

    /// Appends in a transaction of its own, and applies the projection in it.
    ///
    /// # Errors
    /// Those of [`InlineTx::append`] and [`InlineTx::commit`].
    ///
    /// # Cancel safety
    /// The append has happened with its rows, or nothing has. Appending the same events again
    /// is safe.
    pub async fn append(&self, append: Append) -> Result<Receipt> {
        let mut tx = self.begin().await?;
        let receipt = tx.append(append).await?;
        tx.commit().await?;
        Ok(receipt)
    }

    /// Begins a transaction that takes appends. Two may be under way, others wait for their
    /// turn; with PostgreSQL, give the read model three connections or more.
    ///
    /// # Errors
    /// Those of [`ReadModel::begin`].
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    pub async fn begin(&self) -> Result<InlineTx<'_, S, P, M>> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|error| Error::fault("nobody closes the turns", error))?;
        let tx = self.engine.model.begin().await?;
        Ok(InlineTx::new(self, tx, turn))
    }

    async fn catch_up(&self) -> Result<()> {
        let engine = Arc::clone(&self.engine) as Arc<dyn crate::engine::Engine>;
        let mut runner = Runner::new(self.store.clone()).add(
            P::NAME,
            P::VERSION,
            self.scope.clone(),
            Policy::default(),
            crate::runner::ROWS_BATCH,
            engine,
        );
        runner.catch_up().await.map(drop)
    }

    async fn is_inline(&self) -> Result<bool> {
        let known = self.engine.model.checkpoint(&self.name).await?;
        if let Some(layout) = known.as_ref().and_then(Layout::of) {
            return Err(misfit(&self.name, layout.count, 1));
        }
        let Some(known) = known.filter(|known| known.owner == inline_owner()) else {
            return Ok(false);
        };
        known.check(self.log.head().await?)?;
        Ok(true)
    }

    /// Catches up while it is further behind than an append can make good.
    async fn approach(&self) -> Result<()> {
        loop {
            let after = self.checkpoint().await?.position;
            let head = self.log.head().await?.position;
            if head.get().saturating_sub(after.get()) <= MOST_BETWEEN {
                return Ok(());
            }
            self.begin().await?.step().await?;
        }
    }

    /// The checkpoint; an error when it is somebody's.
    async fn checkpoint(&self) -> Result<Checkpoint> {
        let name = &self.name;
        let Some(known) = self.engine.model.checkpoint(name).await? else {
            let message = format!("{name} was forgotten: nothing was written; start it anew");
            return Err(Error::new(ErrorKind::NotFound, message));
        };
        if known.owner == inline_owner() {
            return Ok(known);
        }
        let now = match known.owner.as_str() {
            "" => "it was given back to runners".to_owned(),
            owner => format!("{owner} works on it"),
        };
        let message = format!("{name} is not inline any more, {now}: start it inline anew");
        let held = known.epoch.saturating_sub(1);
        let fenced = Error::from(Fenced::new(name.clone(), held, known.epoch));
        Err(fenced.with_source(message))
    }

    fn wants(&self, envelope: &Envelope) -> bool {
        !envelope.part.is_dropped() && self.scope.covers(envelope)
    }

    /// Looks at the conditions of an append as those do who read: it may be that an event is
    /// kept in an old form, by which the log alone does not know it.
    async fn check_conditions(&self, request: &AppendRequest, until: Position) -> Result<()> {
        if !self.is_layered {
            return Ok(());
        }
        for unless in request.unless() {
            let read = Read::all().matching(unless.query.clone());
            let read = match request.tenant() {
                Some(tenant) => read.tenant(tenant.clone()),
                None => read,
            };
            let mut events = self.store.read(read.after(unless.after).until(until));
            while let Some(event) = events.next().await.transpose()? {
                if !event.part.is_dropped() {
                    let (query, after) = (unless.query.clone(), unless.after);
                    return Err(ConditionFailed::new(query, after, event.position).into());
                }
            }
        }
        Ok(())
    }

    async fn apply(&self, events: &[Recorded], tx: &mut M::Tx) -> Result<()> {
        let wanted = events.iter().filter(|event| self.wants(event));
        let wanted: Vec<_> = wanted.map(Recorded::decode).collect::<Result<_>>()?;
        if wanted.is_empty() {
            return Ok(());
        }
        let Err(error) = self.engine.projection.apply_all(&wanted, tx).await else {
            return Ok(());
        };
        let at = |event: Option<&Recorded<P::Event>>| {
            event.map_or(Position::START, |event| event.position)
        };
        let (name, first, last) = (&self.name, at(wanted.first()), at(wanted.last()));
        let message = format!(
            "{name} cannot apply the events at positions {first} to {last}: nothing was written"
        );
        let trouble = self.engine.model.trouble(tx, &*error).await;
        let kind = trouble.filter(|kind| matches!(kind, ErrorKind::Busy | ErrorKind::Unavailable));
        Err(Error::new(kind.unwrap_or(ErrorKind::Fault), message).with_source(error))
    }
}

impl<S, P, M> fmt::Debug for Inline<S, P, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inline").field("name", &self.name).finish_non_exhaustive()
    }
}
