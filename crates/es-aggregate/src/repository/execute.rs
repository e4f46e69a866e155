//! Commands: load, decide, append, and again after a conflict.

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use es_core::{
    Error, ErrorKind, EventId, IdempotencyClash, Metadata, Read, Recorded, Result, StreamId,
    Version,
};
use tracing::Instrument;

use super::{
    Repository, Saved, backoff,
    cache::{Cache, Slot},
    terms::Terms,
    watched::Watched,
};
use crate::{Aggregate, Decide, ExecuteError, Root};

impl<A: Aggregate> Repository<A> {
    /// Executes `command` on the aggregate `id`: folds its state, lets it decide, writes
    /// what it decided. After a conflict it decides again on newer state, as often as
    /// [`Repository::with_retries`] or [`Execute::retries`] says (A4).
    ///
    /// Await it, after saying more about it if there is more to say:
    /// `accounts.execute("alice", &deposit).caused_by(&event).await`.
    ///
    /// # Errors
    /// [`ExecuteError::Rejected`] with the domain's refusal; nothing was written then.
    /// [`ExecuteError::Store`] with what loading or appending failed with; a conflict when all
    /// retries met one; `OutcomeUnknown` when nobody knows whether it was written, although
    /// it was sent a few times again, with the same event ids.
    ///
    /// # After an unknown outcome
    /// Executing the command again decides on a state that may hold its own events already:
    /// a deposit would be paid in twice. So give a command that may be repeated an identity,
    /// [`Execute::with_id`]: then executing it again, with the same id, settles it. Without
    /// one, load the aggregate and look.
    ///
    /// # Cancel safety
    /// All of the events are written or none. Which of the two is told as after an unknown
    /// outcome.
    pub fn execute<'a, C>(&'a self, id: impl fmt::Display, command: &'a C) -> Execute<'a, A, C>
    where
        A: Decide<C>,
    {
        Execute {
            repository: self,
            stream: self.stream(id),
            command,
            terms: Terms::default(),
            retries: self.retries,
        }
    }
}

/// A command that is to be executed: what [`Repository::execute`] returns. Await it.
///
/// ```
/// # use es_aggregate::{Aggregate, Decide, Repository};
/// # use es_core::{Event, Store};
/// # use es_store_memory::MemoryStore;
/// # #[derive(Debug, PartialEq, Event)]
/// # enum AccountEvent {
/// #     Deposited { cents: u64 },
/// #     Withdrawn { cents: u64 },
/// # }
/// # #[derive(Default)]
/// # struct Account {
/// #     cents: u64,
/// # }
/// # impl Aggregate for Account {
/// #     const CATEGORY: &'static str = "account";
/// #     type Event = AccountEvent;
/// #     fn evolve(&mut self, event: &AccountEvent) {
/// #         match event {
/// #             AccountEvent::Deposited { cents } => self.cents += cents,
/// #             AccountEvent::Withdrawn { cents } => self.cents -= cents,
/// #         }
/// #     }
/// # }
/// # struct Withdraw(u64);
/// # #[derive(Debug, PartialEq)]
/// # struct Overdrawn;
/// # impl Decide<Withdraw> for Account {
/// #     type Error = Overdrawn;
/// #     fn decide(&self, &Withdraw(cents): &Withdraw) -> Result<Vec<AccountEvent>, Overdrawn> {
/// #         if cents > self.cents { Err(Overdrawn) } else { Ok(vec![AccountEvent::Withdrawn { cents }]) }
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let accounts = Repository::<Account>::new(Store::new(MemoryStore::new()));
/// # let mut alice = accounts.create("alice")?;
/// # alice.record(AccountEvent::Deposited { cents: 100 });
/// # accounts.save(&mut alice).await?;
/// use es_core::Metadata;
///
/// let by_teller = Metadata::new().with_actor("teller 3");
/// let command = Withdraw(30);
/// let saved = accounts.execute("alice", &command).with_metadata(by_teller).retries(5).await.unwrap();
/// assert_eq!(saved.version.map(|version| version.get()), Some(2));
/// # Ok(())
/// # }
/// ```
#[must_use = "a command is executed when it is awaited"]
pub struct Execute<'a, A: Aggregate, C> {
    repository: &'a Repository<A>,
    stream: Result<StreamId>,
    command: &'a C,
    terms: Terms,
    retries: u32,
}

impl<A: Decide<C>, C> Execute<'_, A, C> {
    /// Says that `cause` brought it about: its correlation is passed on.
    pub fn caused_by<T>(self, cause: &Recorded<T>) -> Self {
        let metadata = Metadata::caused_by(cause);
        self.with_metadata(metadata)
    }

    /// Gives the events this metadata. Called again, it fills in what is still missing.
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.terms.metadata = self.terms.metadata.or(&metadata);
        self
    }

    /// Gives the command an identity, so that executing it again, with the same id, does
    /// nothing twice: after `OutcomeUnknown`, after its future was dropped, when a message
    /// that asks for it comes again. Then the answer is that of the first time, with
    /// [`Receipt::replayed`](es_core::Receipt::replayed), however the aggregate has changed
    /// since.
    ///
    /// It may be the id of the event that leads to the command, one that the client sends, or
    /// one that follows from what the command is about ([`EventId::derived`]). The ids of the
    /// events follow from it and the stream, so a command on another aggregate may have the
    /// same id, but another command on the same one may not: the answer is an
    /// `IdempotencyClash` then. It is too when `decide` is not a pure function of state and
    /// command. A command that was refused, or of which nothing came, leaves nothing in the
    /// log and is decided anew.
    ///
    /// It costs nothing but on commands that write nothing, where a look-up of the first
    /// event's id is added.
    pub fn with_id(mut self, id: impl Into<EventId>) -> Self {
        self.terms.id = Some(id.into());
        self
    }

    /// How often it is decided again after a conflict, for this command only.
    pub const fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Limits the time of each append, together with what is sent again while its outcome is
    /// unknown; see [`Append::deadline`](es_core::Append::deadline).
    pub const fn deadline(mut self, within: Duration) -> Self {
        self.terms.deadline = Some(within);
        self
    }

    async fn run(self) -> Outcome<A, C>
    where
        A::Error: Send,
        C: Sync,
    {
        let Self { repository, stream, command, terms, retries } = self;
        let watched = Watched::begin::<A, C>(repository.store.observer(), &stream);
        let span = watched.span.clone();
        let attempt = Attempt { repository, command, terms, retries, watched };
        let outcome = attempt.run(stream).instrument(span).await;
        attempt.watched.end(&outcome);
        outcome
    }
}

type Outcome<A, C> = Result<Saved<<A as Aggregate>::Event>, ExecuteError<<A as Decide<C>>::Error>>;

impl<'a, A, C> IntoFuture for Execute<'a, A, C>
where
    A: Decide<C>,
    A::Error: Send,
    C: Sync,
{
    type Output = Outcome<A, C>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<A: Aggregate, C> fmt::Debug for Execute<'_, A, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execute")
            .field("stream", &self.stream)
            .field("command", &std::any::type_name::<C>())
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}

/// Whether another writer's events are wanted before a command is refused.
#[derive(Clone, Copy, PartialEq)]
enum Freshness {
    /// The state was read from the log for this command.
    Fresh,
    /// The state was kept from an earlier command; others may have written since.
    Kept,
}

struct Attempt<'a, A: Aggregate, C> {
    repository: &'a Repository<A>,
    command: &'a C,
    terms: Terms,
    retries: u32,
    watched: Watched<'a>,
}

impl<A, C> Attempt<'_, A, C>
where
    A: Decide<C>,
    A::Error: Send,
    C: Sync,
{
    async fn run(&self, stream: Result<StreamId>) -> Outcome<A, C> {
        let stream = stream?;
        let saved = match &self.repository.cache {
            Some(cache) => self.on_cached(cache, stream).await?,
            None => {
                let root = self.repository.fold(stream).await?;
                self.on(root, Freshness::Fresh).await.0?
            }
        };
        Ok(self.repository.publish(saved).await)
    }

    /// Executes on the state that the cache keeps, if it keeps one.
    ///
    /// The slot is locked across the append, on purpose: commands on one stream queue here
    /// instead of conflicting in the store. The state is taken out of the slot meanwhile,
    /// so that whatever ends this early (an error, a panic in `evolve`, a dropped future)
    /// leaves an empty slot and never a state that differs from the log. Nothing is
    /// published before the slot is free.
    async fn on_cached(&self, cache: &Cache<A>, stream: StreamId) -> Outcome<A, C> {
        let slot = cache.slot(&stream);
        let mut kept: Slot<'_, A> = slot.lock().await;
        let (root, freshness) = match kept.take() {
            Some(root) => (root, Freshness::Kept),
            None => (self.repository.fold(stream).await?, Freshness::Fresh),
        };
        let (outcome, root) = self.on(root, freshness).await;
        *kept = root;
        outcome
    }

    /// Executes on `root`, and gives it back when it still agrees with the log.
    async fn on(
        &self,
        mut root: Root<A>,
        mut freshness: Freshness,
    ) -> (Outcome<A, C>, Option<Root<A>>) {
        let mut conflicts = 0;
        self.watched.attempt();
        loop {
            let decided = root.decide(self.command);
            let nothing_to_write = decided.as_ref().map_or(true, Vec::is_empty);
            if nothing_to_write && freshness == Freshness::Kept {
                // A refusal, or a decision that nothing happens, never reaches the log, so
                // no conflict would tell that it rests on an old state. Read the rest first.
                freshness = Freshness::Fresh;
                match self.repository.catch_up(&mut root).await {
                    Ok(true) => continue,
                    Ok(false) => {}
                    Err(error) => return (Err(error.into()), None),
                }
            }
            let events = match decided {
                Ok(events) if !events.is_empty() => events,
                nothing => {
                    let outcome = match Box::pin(self.earlier(root.stream())).await {
                        Ok(Some(saved)) => Ok(saved),
                        Ok(None) => nothing
                            .map(|_| Saved::nothing(root.version()))
                            .map_err(ExecuteError::Rejected),
                        Err(error) => Err(error.into()),
                    };
                    return (outcome, Some(root));
                }
            };
            match self.commit(&mut root, events).await {
                Ok(saved) => return (Ok(saved), Some(root)),
                Err(error) if is_conflict(&error) && conflicts < self.retries => {
                    conflicts += 1;
                    self.watched.attempt();
                    backoff::pause(conflicts).await;
                    freshness = Freshness::Fresh;
                    if let Err(error) = self.repository.catch_up(&mut root).await {
                        return (Err(error.into()), None);
                    }
                }
                Err(error) if error.idempotency_clash().is_some() => {
                    let outcome = match Box::pin(self.earlier(root.stream())).await {
                        Ok(Some(saved)) => Ok(saved),
                        Ok(None) => Err(error.into()),
                        Err(error) => Err(error.into()),
                    };
                    return (outcome, None);
                }
                Err(error) => return (Err(error.into()), None),
            }
        }
    }

    /// Writes `events` and takes them into the state once they are written, not before: a
    /// command that fails leaves the state as the log has it.
    async fn commit(&self, root: &mut Root<A>, events: Vec<A::Event>) -> Result<Saved<A::Event>> {
        let before = root.version();
        let saved = self.repository.write_decided(root, events, &self.terms).await?;
        self.repository.keep_snapshot(root, before, &saved).await;
        Ok(saved)
    }

    /// What became of a command with an id that was executed before; `None` if it was not.
    ///
    /// *Hazard.* On the state that the command itself has led to, it is decided otherwise:
    /// who has withdrawn everything is refused the second time.
    /// *Mechanism.* It is decided on the state of then, and the log compares what comes of
    /// that with what it has: it is the same append, or the id was given to another command.
    async fn earlier(&self, stream: &StreamId) -> Result<Option<Saved<A::Event>>> {
        let Some(first) = self.terms.first_id(stream) else { return Ok(None) };
        let repository = self.repository;
        let Some(found) = repository.store.find(first).await? else { return Ok(None) };
        let mut root = match Version::new(found.version.get().saturating_sub(1)) {
            Ok(then) => {
                let read = Read::stream(stream.clone()).to_version(then);
                repository.fold_until(stream.clone(), read, then).await?
            }
            Err(_) => Root::at(stream.clone()),
        };
        match root.decide(self.command) {
            Ok(events) if !events.is_empty() => {
                repository.write_decided(&mut root, events, &self.terms).await.map(Some)
            }
            _ => Err(IdempotencyClash::new(found.id, found.position).into()),
        }
    }
}

/// Whether another writer came first, so that deciding again may help.
pub(super) fn is_conflict(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Conflict | ErrorKind::ConditionFailed)
}
