//! The relay: a subscription on the log that publishes what it reads (B1).

mod alive;
mod claim;
mod gather;
mod health;
mod local;
mod parked;
mod persist;
mod publish;
mod running;
mod saving;
mod status;
mod transport;
mod worker;

use std::{fmt, sync::Arc, time::Duration};

use es_core::{
    CheckpointStore, DeadLetterStore, Error, ErrorKind, Invalid, Owner, Result, Store,
    SubscriberName,
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
};

use self::{
    health::{Gauges, Looking},
    worker::Worker,
};
pub use self::{
    running::RunningRelay,
    status::{RelayState, RelayStatus},
    transport::{PortTransport, Publisher, Refused, Transport},
};
use crate::{Interest, retry::pause};

/// Publishes what the log has, in its order, from where it left off.
///
/// The log is the outbox: nothing is written twice, so nothing can be written once. A relay
/// is a subscriber with a checkpoint; after a crash it goes on from there, so every event is
/// published **at least once**, and its id tells repetitions. Metadata goes along, the trace
/// context (`traceparent`, `tracestate`) included.
///
/// Start it in as many processes as you like: with [`Relay::with_lease`] one of them is
/// active and the others stand by. A relay that was paused and comes back is fenced.
///
/// An event that a transport refuses for good is parked as a dead letter of the relay,
/// together with the later events of its stream, and other streams flow on.
///
/// ```
/// use std::time::Duration;
///
/// use es_bus::{Interest, LocalBus, Relay, Subscription};
/// use es_core::{Append, Category, Event, ExpectedVersion, Store, StreamId};
/// use es_store_memory::{MemoryReadModel, MemoryStore};
///
/// #[derive(Event)]
/// enum OrderEvent {
///     Placed { cents: u64 },
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Store::new(MemoryStore::new());
/// let bus = LocalBus::new();
/// bus.subscribe(Subscription::to::<OrderEvent>("turnover").call(|_| Ok(())))?;
///
/// let relay = Relay::new("orders", store.clone(), MemoryReadModel::new())
///     .publish(Interest::category(Category::from_static("order")), bus)
///     .with_lease(Duration::from_secs(10))
///     .start()?;
///
/// let order = StreamId::new("order", "o-1")?;
/// let placed = OrderEvent::Placed { cents: 5 };
/// let receipt = store.append(Append::to(order, ExpectedVersion::NoStream).event(placed)).await?;
/// relay.published(receipt.last).await?;
/// relay.stop(Duration::from_secs(5)).await;
/// # Ok(())
/// # }
/// ```
#[must_use = "a relay does nothing until it is started"]
pub struct Relay {
    name: Result<SubscriberName>,
    store: Store,
    progress: Arc<dyn RelayProgress>,
    owner: Owner,
    routes: Vec<Route>,
    timing: Timing,
}

/// Where a relay keeps its checkpoint and its dead letters.
pub(crate) trait RelayProgress: CheckpointStore + DeadLetterStore {}

impl<P: CheckpointStore + DeadLetterStore> RelayProgress for P {}

struct Route {
    interest: Interest,
    transport: Arc<dyn Transport>,
}

#[derive(Clone, Copy)]
struct Timing {
    lease: Option<Duration>,
    batch: usize,
    backoff: Duration,
    backoff_cap: Duration,
    /// How often it is asked up to where everyone has consumed.
    consumed_every: Duration,
    stuck_after: Duration,
}

impl Timing {
    fn pause(&self, attempt: u32) -> Duration {
        pause(self.backoff, self.backoff_cap, attempt)
    }
}

impl Relay {
    /// A relay that reads `store` and keeps its checkpoint under `name` in `progress`, which
    /// best lies beside the log.
    pub fn new(
        name: impl AsRef<str>,
        store: impl Into<Store>,
        progress: impl CheckpointStore + DeadLetterStore,
    ) -> Self {
        let timing = Timing {
            lease: None,
            batch: 256,
            backoff: Duration::from_millis(20),
            backoff_cap: Duration::from_secs(5),
            consumed_every: Duration::from_secs(1),
            stuck_after: Duration::from_secs(60),
        };
        Self {
            name: SubscriberName::new(name.as_ref()),
            store: store.into(),
            progress: Arc::new(progress),
            owner: Owner::new(format!("{}:{:08x}", std::process::id(), fastrand::u32(..))),
            routes: Vec::new(),
            timing,
        }
    }

    /// Publishes the events that `interest` covers on `transport`. Said again, on several,
    /// each with its own interest, under one checkpoint: an outage of one holds up all. Where
    /// that is not wanted, use a relay for each. On a store that is scoped to a tenant, an
    /// interest means that tenant's streams.
    pub fn publish(mut self, interest: Interest, transport: impl Transport) -> Self {
        let interest = interest.within(self.store.tenant());
        self.routes.push(Route { interest, transport: Arc::new(transport) });
        self
    }

    /// What people and other relays see as the owner of its checkpoint; the number of the
    /// process and a random one unless set. Two relays need two names here.
    pub fn with_owner(mut self, owner: Owner) -> Self {
        self.owner = owner;
        self
    }

    /// Stands by while another relay of the same name shows signs of life, which it does
    /// every third of `lease`, and takes over when it has been silent for that long. From
    /// 100 ms to a day.
    ///
    /// Without it, the last to start takes over at once.
    pub const fn with_lease(mut self, lease: Duration) -> Self {
        self.timing.lease = Some(lease);
        self
    }

    /// How many events are published at once, at most; 256 unless set, at least 1.
    pub const fn with_batch(mut self, events: usize) -> Self {
        self.timing.batch = if events == 0 { 1 } else { events };
        self
    }

    /// Pauses before something out of reach is tried again: up to `base` at first, doubling,
    /// never above `cap`.
    pub const fn with_backoff(mut self, base: Duration, cap: Duration) -> Self {
        self.timing.backoff = base;
        self.timing.backoff_cap = cap;
        self
    }

    /// How long after an answer it is asked again up to where everyone has consumed, and that is
    /// saved; a second unless set, at least 1 ms. What was consumed since then is published again if
    /// the transport loses everything.
    pub const fn with_consumed_every(mut self, interval: Duration) -> Self {
        const LEAST: Duration = Duration::from_millis(1);
        self.timing.consumed_every = if interval.as_millis() == 0 { LEAST } else { interval };
        self
    }

    /// How long it may stand still in front of events before [`RunningRelay::health`] calls it
    /// stuck; a minute unless set.
    pub const fn with_stuck_after(mut self, time: Duration) -> Self {
        self.timing.stuck_after = time;
        self
    }

    /// Starts it and returns at once. If its store has an observer, that can ask how far it is
    /// behind.
    ///
    /// # Errors
    /// `Invalid` for a name that cannot be one, a relay without transports, or a lease out of
    /// its range; `Unsupported` outside of a tokio runtime.
    pub fn start(self) -> Result<RunningRelay> {
        let Self { name, store, progress, owner, routes, timing } = self;
        let name = name?;
        // The mark of what was consumed is kept beside it.
        let mark = SubscriberName::new(format!("{name}.consumed"))?;
        let setting = |setting, value: String, remedy| Invalid::Setting { setting, value, remedy };
        if routes.is_empty() {
            let remedy = "give it at least one with `publish`";
            return Err(setting("the transports of a relay", "none".into(), remedy).into());
        }
        let range = Duration::from_millis(100)..=Duration::from_secs(86_400);
        if let Some(lease) = timing.lease.filter(|lease| !range.contains(lease)) {
            let remedy = "use 100 ms to a day";
            return Err(setting("the lease of a relay", format!("{lease:?}"), remedy).into());
        }
        let Ok(runtime) = Handle::try_current() else {
            let message = "a relay needs a tokio runtime: start it inside of one";
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        let (commands, taken) = mpsc::channel(8);
        let (stop, stopping) = watch::channel(false);
        let (told, status) = watch::channel(RelayStatus::new());
        let looking = Arc::new(Looking {
            name: name.clone(),
            store: store.clone(),
            progress: Arc::clone(&progress),
            interests: routes.iter().map(|route| route.interest.clone()).collect(),
            status: status.clone(),
            stuck_after: timing.stuck_after,
        });
        let gauges = store
            .observer()
            .map(|observer| Gauges::start(Arc::clone(&looking), timing.consumed_every, observer));
        let worker = Worker::new(worker::Parts {
            name: name.clone(),
            mark,
            store,
            progress: Arc::clone(&progress),
            owner,
            routes,
            timing,
            commands: taken,
            stop: stopping,
            status: told,
        });
        let task = runtime.spawn(worker.run());
        Ok(RunningRelay { name, progress, commands, stop, status, looking, _gauges: gauges, task })
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field("name", &self.name)
            .field("store", &self.store)
            .field("progress", &self.progress)
            .field("owner", &self.owner)
            .field("transports", &self.routes.iter().map(|r| &r.transport).collect::<Vec<_>>())
            .field("lease", &self.timing.lease)
            .finish_non_exhaustive()
    }
}
