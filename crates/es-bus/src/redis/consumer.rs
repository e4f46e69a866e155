//! A consumer of a topic: what it is made of, and what both modes have in common.

use std::{fmt, sync::Arc, time::Duration};

use es_core::{Error, ErrorKind, Invalid, Observation, Recorded, Result, SubscriberName};
use tokio::{runtime::Handle, sync::watch as told};
use tracing::Instrument;

use super::{
    RedisTopic, competing,
    keys::GroupKeys,
    ordered,
    running::{ConsumerState, ConsumerStatus, RunningConsumer},
};
use crate::{
    Interest, Retry, Subscription,
    handler::Call,
    watch::{self, Processing},
};

/// Where a group begins that is new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StartAt {
    /// With the oldest event that the topic holds.
    #[default]
    Oldest,
    /// With what is published from now on: with all of it where its first consumer was there before
    /// the topic. A consumer that lives on while the topic is lost begins where the relay begins
    /// again.
    Newest,
}

/// A consumer of a [`RedisTopic`] before it is started.
///
/// Its group has the name of its subscription: consumers of one name, in as many processes as
/// you like, share the work; consumers of different names are given every event each.
#[must_use = "a consumer does nothing until it is started"]
pub struct RedisConsumer {
    topic: RedisTopic,
    subscription: Subscription,
    mode: Mode,
    name: Option<String>,
    lease: Duration,
    start_at: StartAt,
    ignoring: Option<Interest>,
    workers: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Ordered,
    Competing,
}

/// What a consumer at work needs in both modes.
pub(super) struct Shared {
    pub(super) topic: RedisTopic,
    pub(super) keys: GroupKeys,
    pub(super) group: SubscriberName,
    /// Its name among the consumers of the group.
    pub(super) name: String,
    pub(super) interest: Interest,
    pub(super) ignoring: Option<Interest>,
    pub(super) retry: Retry,
    pub(super) handler: Arc<dyn Call>,
    pub(super) lease: Duration,
    pub(super) start_at: StartAt,
    pub(super) workers: usize,
    pub(super) status: told::Sender<ConsumerStatus>,
}

/// What is to be done with an event.
pub(super) enum Judged {
    Handle,
    PassOver,
    /// Nobody has said what is to become of it.
    Unknown(String),
}

impl RedisTopic {
    /// A consumer that keeps the order of each stream: the partitions of the topic are shared
    /// among the consumers of the group by leases, each has one owner, and a checkpoint that
    /// is fenced by the owner's epoch. After a crash the events since the last checkpoint come
    /// again.
    pub fn ordered(&self, subscription: Subscription) -> RedisConsumer {
        RedisConsumer::new(self.clone(), subscription, Mode::Ordered)
    }

    /// A consumer that promises no order: any free worker of the group takes the next event.
    /// What a dead consumer held is taken over once its lease has lapsed, without anyone
    /// calling anything. A handler may take as long as it likes; its lease is renewed
    /// meanwhile.
    pub fn competing(&self, subscription: Subscription) -> RedisConsumer {
        RedisConsumer::new(self.clone(), subscription, Mode::Competing)
    }
}

impl RedisConsumer {
    const fn new(topic: RedisTopic, subscription: Subscription, mode: Mode) -> Self {
        Self {
            topic,
            subscription,
            mode,
            name: None,
            lease: Duration::from_secs(30),
            start_at: StartAt::Oldest,
            ignoring: None,
            workers: 16,
        }
    }

    /// Its name among the consumers of the group; the number of the process and a random one
    /// unless set. No two that run at a time may have one name.
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How long a consumer may be silent before others take over what it holds; 30 s unless
    /// set, from 100 ms to a day. It shows that it lives every third of that.
    pub const fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Where the group begins if it is new; [`StartAt::Oldest`] unless set.
    pub const fn starting_at(mut self, start_at: StartAt) -> Self {
        self.start_at = start_at;
        self
    }

    /// Passes over events that its subscription is not about, where `interest` covers them.
    ///
    /// All others that the subscription is not about are parked: one whose type this version
    /// of the program does not know, as happens while a new version is rolled out, must not be
    /// acknowledged away. [`Interest::everything`] says that all others are none of its
    /// business.
    pub fn ignoring(mut self, interest: Interest) -> Self {
        self.ignoring = Some(interest);
        self
    }

    /// How many events a competing consumer handles at a time, from 1 to 10,000; 16 unless
    /// set. An ordered one handles one per partition that it owns.
    pub const fn with_workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Starts it and returns once it is connected. It waits for a topic that is not made yet.
    ///
    /// # Errors
    /// `Invalid` for a name or a setting that cannot be; `Unavailable` when Redis cannot be
    /// reached; `Unsupported` outside of a tokio runtime.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing running.
    pub async fn start(self) -> Result<RunningConsumer> {
        let Self { topic, subscription, mode, name, lease, start_at, ignoring, workers } = self;
        let Subscription { name: group, interest, retry, handler } = subscription;
        let group = group?;
        let setting = |setting, value: String, remedy| Invalid::Setting { setting, value, remedy };
        let range = Duration::from_millis(100)..=Duration::from_secs(86_400);
        if !range.contains(&lease) {
            let remedy = "use 100 ms to a day";
            return Err(setting("the lease of a consumer", format!("{lease:?}"), remedy).into());
        }
        if !(1..=10_000).contains(&workers) {
            let remedy = "use 1 to 10000";
            return Err(setting("the workers of a consumer", workers.to_string(), remedy).into());
        }
        if Handle::try_current().is_err() {
            let message = "a consumer needs a tokio runtime: start it inside of one";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let name = name.unwrap_or_else(|| {
            format!("{}-{:08x}{:08x}", std::process::id(), fastrand::u32(..), fastrand::u32(..))
        });
        let (status, seen) = told::channel(ConsumerStatus::default());
        let (stop, stopping) = told::channel(false);
        let shared = Arc::new(Shared {
            keys: topic.inner.keys.group(&group),
            topic: topic.clone(),
            group: group.clone(),
            name,
            interest,
            ignoring,
            retry,
            handler,
            lease,
            start_at,
            workers,
            status,
        });
        let (bell, ending) = (shared.hang().await?, Ending(Arc::clone(&shared)));
        let working = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let _ending = ending;
            match mode {
                Mode::Ordered => ordered::run(working, bell, stopping).await,
                Mode::Competing => competing::run(working, bell, stopping).await,
            }
        });
        Ok(RunningConsumer::new(topic, group, stop, seen, task))
    }
}

/// Says that a consumer has ended, whatever ended it: whoever waits for what it does must not
/// wait for ever.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.change(|status| {
            if !status.state.has_ended() {
                status.state = ConsumerState::Failed;
                status.last_error = Some("it was broken off, or panicked".to_owned());
            }
        });
    }
}

impl Shared {
    async fn hang(&self) -> Result<super::bell::Bell> {
        let inner = &self.topic.inner;
        let hung = super::bell::Bell::hang(&inner.redis, inner.keys.bell()).await;
        hung.map_err(super::script::failed)
    }

    pub(super) fn judge(&self, event: &Recorded) -> Judged {
        if event.part.is_dropped() {
            return Judged::PassOver;
        }
        if self.interest.covers(event) {
            return Judged::Handle;
        }
        if self.ignoring.as_ref().is_some_and(|ignoring| ignoring.covers(event)) {
            return Judged::PassOver;
        }
        Judged::Unknown(format!(
            "{} is not about {} of {}: handle it, or say that it is to be passed over",
            self.group, event.schema, event.stream
        ))
    }

    /// Begins to tell of an event that the handler is given.
    pub(super) fn processing(&self, event: &Recorded, is_history: bool) -> Processing<'_> {
        let (topic, group) = (&self.topic, self.group.as_str());
        Processing::begin(topic.observer.as_ref(), Some(topic.name()), group, event, is_history)
    }

    /// Asks the topic, within a span at level debug; `count` says how many events the answer is
    /// about.
    pub(super) async fn asking<T>(
        &self,
        what: &'static str,
        partition: Option<usize>,
        asked: impl Future<Output = Result<T>>,
        count: impl FnOnce(&T) -> usize,
    ) -> Result<T> {
        let span = watch::asking(what, self.topic.name(), self.group.as_str(), partition);
        watch::asked(&span, asked.instrument(span.clone()).await, count)
    }

    /// Counts a dead letter, and tells of it.
    pub(super) fn dead_letter(&self) {
        self.change(|status| status.dead_letters += 1);
        if let Some(observer) = &self.topic.observer {
            observer.observe(&Observation::DeadLetter { subscription: self.group.as_str() });
        }
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut ConsumerStatus)) {
        self.status.send_modify(change);
    }

    pub(super) fn state(&self, state: ConsumerState) {
        self.status.send_if_modified(|status| {
            let changes = status.state != state;
            status.state = state;
            changes
        });
    }

    pub(super) fn trouble(&self, what: &str, error: &Error) {
        let cause = es_core::with_causes(error);
        tracing::warn!(group = %self.group, consumer = self.name, cause, "{what} failed; trying again");
        self.change(|status| {
            status.state = ConsumerState::Retrying;
            status.last_error = Some(cause);
        });
    }

    /// Notes that an attempt failed that is followed by another, and the cause of an outage.
    pub(super) fn retried(&self, outage: Option<&str>) {
        self.change(|status| {
            status.retries += 1;
            if let Some(cause) = outage {
                status.state = ConsumerState::Retrying;
                status.last_error = Some(cause.to_owned());
            }
        });
    }

    /// Notes that a handler reached what it needs.
    pub(super) fn in_reach(&self) {
        self.status.send_if_modified(|status| {
            let was_not = status.state == ConsumerState::Retrying;
            if was_not {
                status.state = ConsumerState::Active;
            }
            was_not
        });
    }

    pub(super) fn lease_ms(&self) -> u64 {
        u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX)
    }
}

impl fmt::Debug for RedisConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConsumer")
            .field("topic", &self.topic)
            .field("subscription", &self.subscription)
            .field("mode", &self.mode)
            .field("name", &self.name)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}
