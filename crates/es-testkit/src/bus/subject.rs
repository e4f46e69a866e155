//! How the cases reach a bus of which they know nothing.

use std::{fmt, future::Future, sync::Arc};

use es_core::{BoxError, DeadLetter, Error, Event, Payload, Recorded, Result, Schema, Store};
use futures_util::future::BoxFuture;

/// A bus, the log that it publishes, and how to consume from it: what the cases are run on.
///
/// All of it is fresh for each test. Panics in here fail the case, so unwrapping is fine.
pub trait BusUnderTest: Send + Sync + 'static {
    /// A relay at work. Dropping it ends it at once, as a crash would.
    type Relay: Send + 'static;
    /// A consumer at work. Dropping it ends it at once, as a crash would.
    type Consumer: Send + 'static;

    /// The log. The cases append to it.
    fn store(&self) -> &Store;

    /// What this bus promises beyond what every bus does; other cases end at once.
    fn promises(&self) -> BusPromises;

    /// Starts a relay from the log to the bus. Several may run, all of one name.
    ///
    /// # Cancel safety
    /// The cases drive it to its end.
    fn relay(&self) -> impl Future<Output = Self::Relay> + Send;

    /// Starts a consumer of everything in the category `account`. Consumers of one name share
    /// the work where the bus can do that; else a name is used once at a time.
    ///
    /// # Cancel safety
    /// The cases drive it to its end.
    fn consume(&self, plan: ConsumerPlan) -> impl Future<Output = Self::Consumer> + Send;

    /// Stops a consumer in good order.
    ///
    /// # Cancel safety
    /// The cases drive it to its end.
    fn stop(&self, consumer: Self::Consumer) -> impl Future<Output = ()> + Send;

    /// The dead letters that concern the consumers of this name.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    fn dead_letters(&self, name: &str) -> impl Future<Output = Vec<DeadLetter>> + Send;

    /// Has those dead letters tried again.
    ///
    /// # Cancel safety
    /// The cases drive it to its end.
    fn replay(&self, name: &str) -> impl Future<Output = ()> + Send;
}

/// What a bus promises beyond what every bus does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BusPromises {
    /// Each stream keeps its order (B2), and waits behind an event that cannot be handled.
    pub ordered: bool,
    /// What nobody has handled is kept, and taken over from consumers that crash (B4).
    pub recovers: bool,
}

impl BusPromises {
    /// A bus that promises neither.
    pub const LEAST: Self = Self { ordered: false, recovers: false };

    /// The same with the order of streams, or without.
    #[must_use]
    pub const fn with_ordered(mut self, does: bool) -> Self {
        self.ordered = does;
        self
    }

    /// The same with recovery, or without.
    #[must_use]
    pub const fn with_recovers(mut self, does: bool) -> Self {
        self.recovers = does;
        self
    }
}

/// What a consumer of a case does with an event.
pub type Plan = Arc<dyn Fn(Recorded) -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync>;

/// A consumer as a case wants it.
#[derive(Clone)]
#[non_exhaustive]
pub struct ConsumerPlan {
    /// The name of its subscription or group.
    pub name: String,
    /// Which event types its version of the program knows: subscribe with [`Noted`] or
    /// [`NotedOrMarked`], so that others are what this program does not know.
    pub knows: Knows,
    /// How often an event is tried, at most; with short pauses in between.
    pub attempts: u32,
    /// Handles an event.
    pub handle: Plan,
}

impl ConsumerPlan {
    /// The same, handling events in another way.
    #[must_use]
    pub fn handling(mut self, handle: Plan) -> Self {
        self.handle = handle;
        self
    }

    pub(crate) fn new(name: &str, handle: Plan) -> Self {
        Self { name: name.to_owned(), knows: Knows::NotedOrMarked, attempts: 3, handle }
    }

    pub(crate) const fn knowing(mut self, knows: Knows) -> Self {
        self.knows = knows;
        self
    }
}

impl fmt::Debug for ConsumerPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerPlan")
            .field("name", &self.name)
            .field("knows", &self.knows)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

/// Which event types a version of a program knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knows {
    /// [`Noted`].
    Noted,
    /// [`NotedOrMarked`].
    NotedOrMarked,
}

/// What an old version of a program knows: events of the type `noted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted;

/// What a new version of a program knows: events of the types `noted` and `marked`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotedOrMarked {
    /// An event of the type `noted`.
    Noted,
    /// An event of the type `marked`.
    Marked,
}

const NOTED: Schema = Schema::from_static("noted", 1);
const MARKED: Schema = Schema::from_static("marked", 1);

impl Event for Noted {
    const SCHEMAS: &'static [Schema] = &[NOTED];

    fn schema(&self) -> &'static Schema {
        &Self::SCHEMAS[0]
    }

    fn encode(&self) -> Result<Payload> {
        Payload::json(&1)
    }

    fn decode(schema: &Schema, _payload: &Payload) -> Result<Self> {
        if *schema == NOTED { Ok(Self) } else { Err(Error::unknown_event(schema, Self::SCHEMAS)) }
    }
}

impl Event for NotedOrMarked {
    const SCHEMAS: &'static [Schema] = &[NOTED, MARKED];

    fn schema(&self) -> &'static Schema {
        match self {
            Self::Noted => &Self::SCHEMAS[0],
            Self::Marked => &Self::SCHEMAS[1],
        }
    }

    fn encode(&self) -> Result<Payload> {
        Payload::json(&1)
    }

    fn decode(schema: &Schema, _payload: &Payload) -> Result<Self> {
        if *schema == NOTED {
            Ok(Self::Noted)
        } else if *schema == MARKED {
            Ok(Self::Marked)
        } else {
            Err(Error::unknown_event(schema, Self::SCHEMAS))
        }
    }
}
