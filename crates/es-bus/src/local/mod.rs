//! The bus in process: publishing, subscribing, looking at it, ending it.

mod lane;
mod letters;
mod options;
mod outcome;
mod publish;
mod registration;
mod routes;
mod seat;
mod statistics;
mod work;

use std::{
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use es_core::{
    Error, ErrorKind, EventId, Gauge, GaugeSource, Invalid, Result, SharedObserver, SubscriberName,
};
use tokio::{runtime::Handle, sync::oneshot, time::timeout};

use self::{
    lane::{Item, Lane, closed, is_in_handler_of},
    routes::{Place, Routes},
    seat::{Plan, Seat},
};
pub use self::{
    options::{Delivery, LocalOptions, WhenFull},
    outcome::Delivered,
    registration::{Registration, RegistrationGuard},
    statistics::{BusStatistics, SubscriptionStatistics},
};
use crate::{KeptLetter, Replayed, Subscription};

/// Tells one bus from another, for handlers that publish.
static BUSES: AtomicU64 = AtomicU64::new(0);

/// A bus inside one program: events go to the handlers that subscribed. Cloning it copies
/// the handle.
///
/// Every subscription is given events in the order in which they were published. The failure
/// of a handler, be it an error or a panic, reaches no other handler and no publisher: it is
/// tried again as [`Retry`](crate::Retry) says, and then kept as a dead letter.
///
/// It is in memory and ends with the program. Where nothing may be lost, let a
/// [`Relay`](crate::Relay) publish on it: that comes back to what was not handled. Dead letters
/// are in memory even then.
///
/// A handler that holds the bus (in order to publish) keeps it alive until
/// [`LocalBus::shutdown`].
///
/// ```
/// use std::time::Duration;
///
/// use es_bus::{LocalBus, Subscription};
/// use es_core::{Append, Event, ExpectedVersion, Read, Store, StreamId};
/// use es_store_memory::MemoryStore;
///
/// #[derive(Event)]
/// enum OrderEvent {
///     Placed { cents: u64 },
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let bus = LocalBus::new();
/// bus.subscribe(Subscription::to::<OrderEvent>("turnover").call(|event| {
///     let OrderEvent::Placed { cents } = event.event;
///     println!("{} brought {cents}", event.stream.key());
///     Ok(())
/// }))?;
///
/// let store = Store::new(MemoryStore::new());
/// let order = StreamId::new("order", "o-1")?;
/// store.append(Append::to(order, ExpectedVersion::NoStream).event(OrderEvent::Placed { cents: 5 })).await?;
/// let events = store.read(Read::all()).into_vec().await?;
/// let delivered = bus.publish_and_wait(&events).await?;
/// assert_eq!(delivered.handled, 1);
/// assert_eq!(bus.shutdown(Duration::from_secs(5)).await, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct LocalBus {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    number: u64,
    options: LocalOptions,
    routes: RwLock<Arc<Routes>>,
    /// The lane of all seats, with [`Delivery::InOrder`]; made by the first of them.
    shared: Mutex<Option<Arc<Lane>>>,
    is_closed: AtomicBool,
    published: AtomicU64,
    unmatched: AtomicU64,
    numbers: AtomicU64,
    observer: Arc<OnceLock<SharedObserver>>,
}

impl LocalBus {
    /// A bus with the options that [`LocalOptions::default`] has.
    #[must_use]
    pub fn new() -> Self {
        Self::made(LocalOptions::default())
    }

    /// A bus with options of one's own.
    ///
    /// # Errors
    /// [`Invalid::Setting`] for a value out of its range.
    pub fn with_options(options: LocalOptions) -> Result<Self> {
        options.check()?;
        Ok(Self::made(options))
    }

    fn made(options: LocalOptions) -> Self {
        Self {
            inner: Arc::new(Inner {
                number: BUSES.fetch_add(1, Ordering::Relaxed),
                options,
                routes: RwLock::default(),
                shared: Mutex::default(),
                is_closed: AtomicBool::new(false),
                published: AtomicU64::new(0),
                unmatched: AtomicU64::new(0),
                numbers: AtomicU64::new(0),
                observer: Arc::default(),
            }),
        }
    }

    /// Tells `observer` what handlers do from now on, and lets it ask how many events wait for
    /// them. The bus and all of its clones have one observer: the first.
    #[must_use]
    pub fn observed_by(self, observer: SharedObserver) -> Self {
        if self.inner.observer.set(SharedObserver::clone(&observer)).is_ok() {
            let source: Arc<dyn GaugeSource> = Arc::clone(&self.inner) as _;
            observer.watch(Arc::downgrade(&source));
        }
        self
    }

    /// Adds a subscription: it is given what is published from now on.
    ///
    /// # Errors
    /// `Invalid` for a name that cannot be one or is taken; `Closed` after
    /// [`LocalBus::shutdown`]; `Unsupported` outside of a tokio runtime.
    pub fn subscribe(&self, subscription: Subscription) -> Result<Registration> {
        let Subscription { name, interest, handler, retry } = subscription;
        let name = name?;
        let Ok(runtime) = Handle::try_current() else {
            let message = "a bus needs a tokio runtime: subscribe inside of one";
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        let inner = &self.inner;
        let mut routes = inner.routes.write().unwrap_or_else(PoisonError::into_inner);
        if inner.is_closed.load(Ordering::SeqCst) {
            return Err(closed());
        }
        if routes.find(name.as_str()).is_some() {
            return Err(Invalid::Setting {
                setting: "the name of a subscription",
                value: name.to_string(),
                remedy: "it is taken: end the other one first, or choose another name",
            }
            .into());
        }
        let number = inner.numbers.fetch_add(1, Ordering::Relaxed);
        let most_letters = inner.options.dead_letters;
        let (name_of, observer) = (name.clone(), Arc::clone(&inner.observer));
        let plan = Plan { number, name: name_of, interest, handler, retry, most_letters, observer };
        let place = Arc::new(inner.place(&runtime, Arc::new(Seat::new(plan))));
        let places = routes.places().iter().cloned().chain([place]).collect();
        *routes = Arc::new(Routes::of(places));
        drop(routes);
        Ok(Registration::new(Arc::downgrade(inner), number, name))
    }

    /// The dead letters of a subscription, in their order.
    ///
    /// # Errors
    /// `NotFound` when there is no subscription of that name.
    pub fn dead_letters(&self, subscription: &str) -> Result<Vec<KeptLetter>> {
        Ok(self.inner.find(subscription)?.seat.dead_letters())
    }

    /// Tries the dead letters of a subscription again, in their order, behind what is queued
    /// for it. In a stream that waits, it stops in front of what still fails; a stream in
    /// which nothing is left flows on.
    ///
    /// # Errors
    /// `NotFound` when there is no subscription of that name; `Closed` when the bus is shut
    /// down before it is done; `Unsupported` in a handler of this bus, which would wait for
    /// itself.
    ///
    /// # Cancel safety
    /// The attempts go on; only their count is lost.
    pub async fn replay(&self, subscription: &str) -> Result<Replayed> {
        self.refuse_in_handler("replay")?;
        let place = self.inner.find(subscription)?;
        let (reply, replayed) = oneshot::channel();
        let item = Item::Replay(Arc::clone(&place.seat), reply);
        place.lane.send(item).await.map_err(|_| closed())?;
        replayed.await.map_err(|_| closed())
    }

    /// Gives up the dead letters of one event, and says whether there was one. What waits
    /// behind them is still parked; [`LocalBus::replay`] sets it going.
    ///
    /// # Errors
    /// `NotFound` when there is no subscription of that name.
    pub fn discard(&self, subscription: &str, event: EventId) -> Result<bool> {
        Ok(self.inner.find(subscription)?.seat.discard(event))
    }

    /// What the bus has done so far.
    #[must_use]
    pub fn statistics(&self) -> BusStatistics {
        let routes = self.inner.routes();
        BusStatistics {
            published: self.inner.published.load(Ordering::Relaxed),
            unmatched: self.inner.unmatched.load(Ordering::Relaxed),
            subscriptions: routes.places().iter().map(|place| place.statistics()).collect(),
        }
    }

    /// Takes nothing more, works off what is queued, and ends. What is not done within the
    /// time is broken off. Says how many deliveries were left undone, as the statistics do,
    /// over all subscriptions.
    ///
    /// In a handler of this bus it does not wait for itself: it breaks off at once.
    ///
    /// # Cancel safety
    /// The bus takes nothing more and goes on to work off what it has; calling it again is
    /// safe.
    pub async fn shutdown(&self, within: Duration) -> u64 {
        let inner = &self.inner;
        {
            // Under the lock that subscribing takes, so that nobody comes in afterwards.
            let _routes = inner.routes.write().unwrap_or_else(PoisonError::into_inner);
            inner.is_closed.store(true, Ordering::SeqCst);
        }
        let within = if is_in_handler_of(inner.number) { Duration::ZERO } else { within };
        let routes = inner.routes();
        let places = routes.places();
        let draining = async {
            for place in places {
                // One lane may serve all, and be closed by the first.
                let _ = place.lane.send(Item::Close).await;
            }
            for place in places {
                place.lane.ended().await;
            }
        };
        if timeout(within, draining).await.is_err() {
            for place in places {
                place.seat.end();
                place.lane.abort();
            }
            if !is_in_handler_of(inner.number) {
                for place in places {
                    place.lane.ended().await;
                }
            }
        }
        places.iter().map(|place| place.statistics().undelivered).sum()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.inner.is_closed.load(Ordering::SeqCst)
    }

    fn refuse_in_handler(&self, what: &str) -> Result<()> {
        if !is_in_handler_of(self.inner.number) {
            return Ok(());
        }
        let message = format!("a handler cannot wait for its own bus: call `{what}` elsewhere");
        Err(Error::new(ErrorKind::Unsupported, message))
    }
}

impl Inner {
    fn routes(&self) -> Arc<Routes> {
        Arc::clone(&self.routes.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn find(&self, name: &str) -> Result<Arc<Place>> {
        let routes = self.routes();
        let place = routes.find(name).cloned();
        place.ok_or_else(|| {
            let names: Vec<_> = routes.places().iter().map(|p| p.seat.name.as_str()).collect();
            let message = format!("no subscription {name:?}; there are: {}", names.join(", "));
            Error::new(ErrorKind::NotFound, message)
        })
    }

    /// A seat and its lane.
    fn place(&self, runtime: &Handle, seat: Arc<Seat>) -> Place {
        let start = |owner| Arc::new(Lane::start(runtime, self.number, self.options.queue, owner));
        let is_shared = self.options.delivery == Delivery::InOrder;
        let lane = if is_shared {
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(shared.get_or_insert_with(|| start(None)))
        } else {
            start(Some(Arc::clone(&seat)))
        };
        Place { seat, lane, is_shared }
    }

    /// Takes a seat away, and gives it, if it is there.
    fn leave(&self, number: u64, name: &SubscriberName) -> Option<Arc<Place>> {
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let place = routes.find(name.as_str()).filter(|place| place.seat.number == number)?;
        let place = Arc::clone(place);
        place.seat.end();
        let others = routes.places().iter().filter(|other| other.seat.number != number);
        *routes = Arc::new(Routes::of(others.cloned().collect()));
        Some(place)
    }
}

impl GaugeSource for Inner {
    fn gauges(&self, report: &mut dyn FnMut(Gauge<'_>)) {
        for place in self.routes().places() {
            let (subscription, pending) = (place.seat.name.as_str(), place.lane.queued());
            report(Gauge::Messages { subscription, pending });
        }
    }
}

impl Default for LocalBus {
    fn default() -> Self {
        Self::new()
    }
}

/// A lane works off what it has even without its queue, so the lanes are ended by name.
impl Drop for Inner {
    fn drop(&mut self) {
        for place in self.routes().places() {
            place.lane.abort();
        }
    }
}

impl fmt::Debug for LocalBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalBus")
            .field("options", &self.inner.options)
            .field("statistics", &self.statistics())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for LocalBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bus in process")
    }
}
