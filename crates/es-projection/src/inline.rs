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

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use es_core::{
    Append, AppendIn, Checkpoint, DeadLetterStore, Envelope, Error, ErrorKind, Fenced, Position,
    Progress, ReadModel, Receipt, Recorded, Result, Store, SubscriberName,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    Policy, Projection, Runner, Scope,
    engine::{Projecting, subscriber},
    give_way::GiveWay,
    slices::{Layout, misfit},
    worker::inline_owner,
};

/// Events that others appended in between are applied with the append, up to so many. If there
/// are more, somebody has to catch up first, without the log's lock.
const MOST_BETWEEN: u64 = 10_000;

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
    /// Whoever holds the log's lock needs another connection of the model for a moment. Were
    /// all of them with those who wait for that lock, it would never come.
    turns: Arc<Semaphore>,
}

/// A transaction that takes appends: events, the projection's rows and rows of one's own.
/// Derefs to the transaction of the read model. Dropping it rolls everything back.
pub struct InlineTx<'a, S, P, M: ReadModel> {
    inline: &'a Inline<S, P, M>,
    tx: M::Tx,
    /// What is to be committed with it, once something was appended.
    progress: Option<Progress>,
    /// Whether events are in it whose rows are not.
    is_torn: bool,
    _turn: OwnedSemaphorePermit,
}

impl<S, P, M> Inline<S, P, M>
where
    S: AppendIn<M::Tx>,
    P: Projection<Tx = M::Tx>,
    M: ReadModel + DeadLetterStore,
{
    /// Brings the projection up to the end of the log, as a [`Runner`] does, and makes it
    /// inline: whoever works on it is fenced, and runners leave it alone from then on. If it
    /// is inline already, nothing changes. Where several processes start it at once, they let
    /// each other through.
    ///
    /// `store` reads the same log that `log` is, perhaps through layers.
    ///
    /// # Errors
    /// Those of [`Runner::catch_up`]; `Invalid` when events are parked, or the projection is in
    /// slices; `Unsupported` for a handle that is scoped to a tenant (name tenants in stream
    /// names); `LogDiverged` when `store` is of another log.
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
        let inline = Self { store, log, engine, name, scope, turns };
        let id = inline.log.head().await?.log;
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
        Ok(InlineTx { inline: self, tx, progress: None, is_torn: false, _turn: turn })
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
        Ok(known.is_some_and(|known| known.owner == inline_owner()))
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

impl<S, P, M> InlineTx<'_, S, P, M>
where
    S: AppendIn<M::Tx>,
    P: Projection<Tx = M::Tx>,
    M: ReadModel + DeadLetterStore,
{
    /// Appends, and applies the projection to the events and to whatever was appended by
    /// others since. From here on the rows can be read in this transaction, and everybody
    /// else's appends wait.
    ///
    /// # Errors
    /// Those of [`AppendIn::append_in_tx`]; after a conflict, a condition or a clash the
    /// transaction can go on. `Fault` with what the projection failed with, or `Busy` or
    /// `Unavailable` when that was up to the database; `Undecodable` or `UnknownEvent`; `Fenced` when a worker has taken the projection over; `Busy` when more than 10,000
    /// events were appended past it. After these it can only be dropped.
    ///
    /// # Cancel safety
    /// The transaction can only be dropped then.
    pub async fn append(&mut self, append: Append) -> Result<Receipt> {
        self.check()?;
        let request = append.build()?;
        let inline = self.inline;
        // It stays so if what follows fails or is dropped.
        self.is_torn = true;
        let receipt = match inline.log.append_in_tx(&mut self.tx, &request).await {
            Ok(receipt) => receipt,
            Err(error) => {
                let is_refusal = matches!(
                    error.kind(),
                    ErrorKind::Conflict | ErrorKind::ConditionFailed | ErrorKind::IdempotencyClash
                );
                self.is_torn = !is_refusal;
                return Err(error);
            }
        };
        let progress = match self.progress.take() {
            Some(progress) => progress,
            None => {
                let known = inline.checkpoint().await?;
                Progress::from(&known, known.position)
            }
        };
        let last = request.events().last().map(|(_, event)| event.id);
        let events = request.recorded(&receipt)?;
        let until = if receipt.replayed { receipt.last } else { before(receipt.first) };
        self.go_through(progress.position, until).await?;
        let mut next = progress;
        if !receipt.replayed {
            inline.apply(&events, &mut self.tx).await?;
        }
        if receipt.last > next.position {
            (next.position, next.event) = (receipt.last, last);
        }
        self.progress = Some(next);
        self.is_torn = false;
        Ok(receipt)
    }

    /// Commits the events, the projection's rows and one's own.
    ///
    /// # Errors
    /// Those of [`ReadModel::commit`]: `Fenced` when a worker has taken the projection over, and
    /// `OutcomeUnknown` when the reply was lost; appending the same events again settles it.
    /// `Invalid` when an append failed that cannot be gone on from. Where nothing was appended
    /// it waits for those who append, and says `Busy` where they and it were in each other's way.
    ///
    /// # Cancel safety
    /// It is committed whole or rolled back whole.
    pub async fn commit(mut self) -> Result<()> {
        self.check()?;
        let inline = self.inline;
        let progress = match self.progress {
            Some(progress) => progress,
            None => {
                // Whoever appends moves the checkpoint: not between this look and the commit.
                inline.log.lock_in_tx(&mut self.tx).await?;
                let known = inline.checkpoint().await?;
                Progress::from(&known, known.position)
            }
        };
        inline.engine.model.commit(self.tx, &progress).await
    }

    /// Applies what others appended behind `after`, up to `until`. It is committed: the log's
    /// lock is held.
    async fn go_through(&mut self, after: Position, until: Position) -> Result<()> {
        let between = until.get().saturating_sub(after.get());
        if between == 0 {
            return Ok(());
        }
        let inline = self.inline;
        let read = Scope::read_for_all([&inline.scope]).after(after).until(until);
        let mut events = inline.store.read(read.limit(MOST_BETWEEN + 1));
        let mut page = Vec::new();
        while let Some(event) = events.next().await.transpose()? {
            page.push(event);
        }
        if page.len() as u64 > MOST_BETWEEN {
            let name = &inline.name;
            let message = format!(
                "{name} is more than {MOST_BETWEEN} events behind: nothing was written; \
                 let a runner of this version catch up, and start it inline anew"
            );
            return Err(Error::new(ErrorKind::Busy, message));
        }
        inline.apply(&page, &mut self.tx).await
    }

    fn check(&self) -> Result<()> {
        if self.is_torn {
            let message = "an append in this transaction failed behind its events: drop it";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(())
    }
}

const fn before(position: Position) -> Position {
    Position::new(position.get().saturating_sub(1))
}

impl<S, P, M: ReadModel> Deref for InlineTx<'_, S, P, M> {
    type Target = M::Tx;

    fn deref(&self) -> &M::Tx {
        &self.tx
    }
}

impl<S, P, M: ReadModel> DerefMut for InlineTx<'_, S, P, M> {
    fn deref_mut(&mut self) -> &mut M::Tx {
        &mut self.tx
    }
}

impl<S, P, M> fmt::Debug for Inline<S, P, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inline").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<S, P, M: ReadModel> fmt::Debug for InlineTx<'_, S, P, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let position = self.progress.as_ref().map(|progress| progress.position);
        f.debug_struct("InlineTx").field("up_to", &position).finish_non_exhaustive()
    }
}
