//! Subscribers are registered, and run: once up to the end of the log, or for ever.

mod catch_up;
mod health;
mod letters;
mod membership;
mod rebuild;
mod report;
mod running;
mod seat;

use std::{fmt, sync::Arc, time::Duration};

use es_core::{CheckpointStore, DeadLetterStore, Error, Invalid, Owner, ReadModel, Result, Store};

pub use catch_up::CaughtUp;
pub use letters::Retried;
pub use rebuild::{Rebuild, RebuildProgress, RebuildWatch, Rebuilding, Rebuilt};
pub use running::{Running, Stopped};

use crate::{
    Policy, Projection, Reactor, Scope,
    board::Board,
    engine::{Engine, Projecting, Reacting, subscriber},
    feed::Feeds,
    slices::{MOST, Slice, member, nobody},
    worker::{Job, Surroundings, Timing, inline_owner},
};

/// Events that a projection takes in one transaction, if its policy does not say.
pub(crate) const ROWS_BATCH: usize = 2_048;

/// Events that a reactor takes before its progress is saved, if its policy does not say.
const REACTOR_BATCH: usize = 1;

/// The shortest time between two signs of life.
const SHORTEST_HEARTBEAT: Duration = Duration::from_millis(10);

/// Longer than this is not waited for: no clock reaches it.
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Runs projections and reactors on one log, which it reads once for all of them while they
/// stand at about the same place.
///
/// Each has a worker of its own: an error, a panic or a slow handler of one touches no
/// other. See the [crate's documentation](crate) for an example.
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
/// store.append(deposit).await?;
/// let mut runner = Runner::new(store).project(Balances, model.clone());
/// assert_eq!(runner.catch_up().await?[0].handled, 1);
/// assert_eq!(model.get(&BALANCES, &"alice".to_owned())?, Some(500));
/// # Ok(())
/// # }
/// ```
#[must_use = "a runner does nothing until it is started"]
pub struct Runner {
    store: Store,
    owner: Owner,
    timing: Timing,
    watch_every: Duration,
    is_rebuild: bool,
    jobs: Vec<Arc<Job>>,
    /// The first thing that was wrong with what was registered.
    error: Option<Error>,
}

impl Runner {
    /// A runner on `store` that has nothing to do yet.
    pub fn new(store: Store) -> Self {
        let timing = Timing {
            quiet: Duration::from_millis(200),
            heartbeat: Duration::from_secs(5),
            stuck_after: Duration::from_secs(60),
            lease: None,
        };
        // Tells workers apart, also those of one process.
        let owner = Owner::new(format!("{}-{:08x}", std::process::id(), fastrand::u32(..)));
        let watch_every = Duration::from_secs(5);
        Self { store, owner, timing, watch_every, is_rebuild: false, jobs: Vec::new(), error: None }
    }

    /// Adds a projection whose rows are in `model`: exactly-once (P1).
    pub fn project<P, M>(self, projection: P, model: M) -> Self
    where
        P: Projection,
        M: ReadModel<Tx = P::Tx> + DeadLetterStore,
    {
        self.project_with(projection, model, Policy::default())
    }

    /// Adds a projection with a policy of its own.
    pub fn project_with<P, M>(self, projection: P, model: M, policy: Policy) -> Self
    where
        P: Projection,
        M: ReadModel<Tx = P::Tx> + DeadLetterStore,
    {
        let scope = projection.scope();
        let batch = policy.batch.unwrap_or(ROWS_BATCH);
        let engine = Arc::new(Projecting { projection, model });
        self.add(P::NAME, P::VERSION, scope, policy, batch, engine)
    }

    /// Adds a reactor whose progress is kept in `checkpoints`: at-least-once.
    pub fn react<R, C>(self, reactor: R, checkpoints: C) -> Self
    where
        R: Reactor,
        C: CheckpointStore + DeadLetterStore,
    {
        self.react_with(reactor, checkpoints, Policy::default())
    }

    /// Adds a reactor with a policy of its own.
    pub fn react_with<R, C>(self, reactor: R, checkpoints: C, policy: Policy) -> Self
    where
        R: Reactor,
        C: CheckpointStore + DeadLetterStore,
    {
        let scope = reactor.scope();
        let batch = policy.batch.unwrap_or(REACTOR_BATCH);
        let engine = Arc::new(Reacting { reactor, checkpoints });
        self.add(R::NAME, R::VERSION, scope, policy, batch, engine)
    }

    /// Says who works here, as other workers and people see it. It must differ between
    /// processes; without it the process id and a random number are taken. An empty name and
    /// `inline` are refused when it starts: they say that no runner works.
    pub fn owned_by(mut self, owner: Owner) -> Self {
        self.owner = owner;
        self
    }

    /// Lets workers wait while another owner shows signs of life, instead of taking over at
    /// once: several processes run the same runner, one works, and another goes on
    /// when that one has been silent for `lease` or has stopped. A worker shows signs of life
    /// three times in that time. Less than 30 milliseconds are refused.
    ///
    /// It takes clocks that agree to about a third of `lease`. If they do not, a worker may
    /// be replaced that is alive; it is fenced and writes nothing.
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.timing.lease = Some(lease);
        self
    }

    /// Sets after which time without progress, while there is something to do, a worker
    /// counts as stuck; a minute if it is not said.
    pub fn with_stuck_after(mut self, time: Duration) -> Self {
        self.timing.stuck_after = time;
        self
    }

    /// Sets how often a worker without anything to do touches its checkpoint, so that other
    /// processes see that it is alive; five seconds if it is not said, 10 milliseconds at least,
    /// and never more than a third of a lease.
    pub fn with_heartbeat(mut self, time: Duration) -> Self {
        self.timing.heartbeat = time;
        self
    }

    /// Sets after which time a worker saves that it has seen events which it does not want;
    /// 200 milliseconds if it is not said. Other processes that wait for it wait so much
    /// longer.
    pub fn with_quiet_interval(mut self, time: Duration) -> Self {
        self.timing.quiet = time;
        self
    }

    /// Sets how often a runner looks how far its subscribers are behind, if the store has an
    /// observer ([`Store::observed_by`](es_core::Store::observed_by)); five seconds if it is
    /// not said. What is older than three times that is not given any more.
    pub fn with_watch_interval(mut self, time: Duration) -> Self {
        self.watch_every = time;
        self
    }

    pub(crate) fn add(
        mut self,
        name: &'static str,
        version: u32,
        scope: Scope,
        policy: Policy,
        batch: usize,
        engine: Arc<dyn Engine>,
    ) -> Self {
        let scope = scope.seen_by(&self.store);
        match self.jobs(name, version, &scope, &policy, batch, &engine) {
            Ok(jobs) => self.jobs.extend(jobs),
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
        self
    }

    /// One job, or one for each slice.
    fn jobs(
        &self,
        name: &'static str,
        version: u32,
        scope: &Scope,
        policy: &Policy,
        batch: usize,
        engine: &Arc<dyn Engine>,
    ) -> Result<Vec<Arc<Job>>> {
        let whole = subscriber(name, version)?;
        if self.jobs.iter().any(|job| job.whole == whole) {
            let setting = "a subscriber of a runner";
            let (value, remedy) = (whole.to_string(), "give each another name or version");
            return Err(Invalid::Setting { setting, value, remedy }.into());
        }
        if policy.slices > MOST {
            let (setting, value) = ("the slices of a projection", policy.slices.to_string());
            let remedy = "256 at most; each costs a checkpoint of its own";
            return Err(Invalid::Setting { setting, value, remedy }.into());
        }
        let job = |subscriber, slice| {
            Arc::new(Job {
                name,
                version,
                subscriber,
                whole: whole.clone(),
                slice,
                engine: Arc::clone(engine),
                scope: scope.clone(),
                policy: policy.clone(),
                batch,
                board: Board::new(),
            })
        };
        if policy.slices <= 1 {
            return Ok(vec![job(whole.clone(), None)]);
        }
        let slices = Slice::all(policy.slices);
        slices.map(|slice| Ok(job(slice.subscriber(&whole)?, Some(slice)))).collect()
    }

    /// The times that the workers keep to. A worker that had a sign of life to show whenever it
    /// looks would never come to its events.
    fn timing(&self) -> Result<Timing> {
        let mut timing = self.timing;
        let mut most = YEAR;
        if let Some(lease) = timing.lease {
            most = most.min(lease / 3);
            if most < SHORTEST_HEARTBEAT {
                let (setting, value) = ("the lease of a runner", format!("{lease:?}"));
                let remedy = "30 milliseconds at least: a sign of life takes a commit";
                return Err(Invalid::Setting { setting, value, remedy }.into());
            }
        }
        timing.heartbeat = timing.heartbeat.clamp(SHORTEST_HEARTBEAT, most);
        timing.quiet = timing.quiet.min(YEAR);
        timing.stuck_after = timing.stuck_after.min(YEAR);
        Ok(timing)
    }

    /// Makes sure that the owner is nobody who means something else, and that there are names
    /// for the places of those who share slices.
    fn check_names(&self) -> Result<()> {
        let owner = &self.owner;
        if *owner == nobody() || *owner == inline_owner() {
            let (setting, value) = ("the owner of a runner", format!("{:?}", owner.as_str()));
            let remedy = "any other name; this one says that no runner works";
            return Err(Invalid::Setting { setting, value, remedy }.into());
        }
        if self.timing.lease.is_some() {
            for job in &self.jobs {
                job.slice.map(|slice| member(&job.whole, slice.count())).transpose()?;
            }
        }
        Ok(())
    }

    /// What the workers share; an error if something was registered that cannot be.
    fn surroundings(&mut self) -> Result<Arc<Surroundings>> {
        if let Some(error) = self.error.take() {
            // It stays wrong.
            self.error = Some(Error::new(error.kind(), error.to_string()));
            return Err(error);
        }
        if tokio::runtime::Handle::try_current().is_err() {
            let message = "workers are tasks of a tokio runtime, and none is running here";
            return Err(Error::new(es_core::ErrorKind::Unsupported, message));
        }
        self.check_names()?;
        let read = Scope::read_for_all(self.jobs.iter().map(|job| &job.scope));
        Ok(Arc::new(Surroundings {
            store: self.store.clone(),
            feeds: Feeds::new(self.store.clone(), read, self.jobs.len()),
            owner: self.owner.clone(),
            timing: self.timing()?,
            is_rebuild: self.is_rebuild,
            takes_over: false,
        }))
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("store", &self.store)
            .field("owner", &self.owner)
            .field("subscribers", &self.jobs.iter().map(|j| &j.subscriber).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
