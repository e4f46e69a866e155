//! A topic on Redis: what a relay publishes on, and what consumers are made of.

use std::{
    collections::BTreeMap,
    fmt,
    ops::RangeInclusive,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use es_core::{
    Diverged, Error, ErrorKind, EventId, Fenced, Invalid, LogId, Position, Recorded, Result,
    SharedObserver, SubscriberName,
};
use es_redis::{Command, Redis, RedisOptions};

use super::{
    GroupMode,
    keys::{Keys, partition_of},
    message::{Written, encode, part_of, stream_of},
    script::{Answer, OPEN, PUBLISH, TRIM, failed},
};
use crate::{Publisher, Refused, Transport, watch::is_history};

/// How many partitions a topic may have.
const PARTITIONS: RangeInclusive<usize> = 1..=256;

/// How a topic is laid out and how much it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicOptions {
    /// What the names of all keys begin with; `es-bus` unless set.
    pub namespace: String,
    /// Over how many partitions the streams are spread; 16 unless set. It is fixed when the
    /// first relay opens the topic: a relay that says otherwise is refused, and consumers go by
    /// what the topic was made with. At most so many consumers of an ordered group work at a
    /// time.
    pub partitions: u16,
    /// How many events the topic holds, at most; a million unless set. When consumers are so
    /// far behind, the relay waits: the events are in the log.
    pub room: u64,
    /// How long after the topic was made, or made anew after a loss, nothing is trimmed, so
    /// that groups have time to come; a minute unless set.
    pub grace: Duration,
    /// Groups that are to exist from the start, and hold up the trimming before their first
    /// consumer has come.
    pub groups: Vec<(SubscriberName, GroupMode)>,
}

impl Default for TopicOptions {
    fn default() -> Self {
        Self {
            namespace: "es-bus".to_owned(),
            partitions: 16,
            room: 1_000_000,
            grace: Duration::from_secs(60),
            groups: Vec::new(),
        }
    }
}

impl TopicOptions {
    /// The same with another namespace, which follows the rule for names.
    #[must_use]
    pub fn with_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// The same with so many partitions, 1 to 256.
    #[must_use]
    pub const fn with_partitions(mut self, partitions: u16) -> Self {
        self.partitions = partitions;
        self
    }

    /// The same with room for so many events; at least 1. One batch of a relay may exceed it.
    #[must_use]
    pub const fn with_room(mut self, events: u64) -> Self {
        self.room = events;
        self
    }

    /// The same with another grace.
    #[must_use]
    pub const fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The same with a group that is to exist from the start. Say it where the relay is: then
    /// the group misses nothing, even if the server loses everything while none of its
    /// consumers runs.
    #[must_use]
    pub fn with_group(mut self, group: SubscriberName, mode: GroupMode) -> Self {
        self.groups.push((group, mode));
        self
    }
}

/// A topic on Redis Streams: a [`Relay`](crate::Relay) publishes on it, and consumers read
/// it in one of two modes. Cloning it copies the handle.
///
/// It takes events from a relay only, and from one relay: the id of an entry is the position
/// in the log. So what is published again is known, and a relay that was paused can put
/// nothing behind what came later. A topic belongs to one log.
///
/// | mode | order | for |
/// |---|---|---|
/// | [`RedisTopic::ordered`] | each stream's, through retries, crashes and scaling | read models elsewhere, processes |
/// | [`RedisTopic::competing`] | none | mails, calls, work that takes long |
///
/// What every group has consumed is trimmed; a group that nobody serves any more holds that
/// up until [`RedisTopic::remove_group`].
///
/// ```no_run
/// use es_bus::{Interest, RedisTopic, Relay, Subscription, TopicOptions};
/// use es_core::{Event, Recorded, Store};
/// use es_store_memory::{MemoryReadModel, MemoryStore};
///
/// #[derive(Event)]
/// enum OrderEvent {
///     Placed,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> es_core::Result<()> {
/// let topic = RedisTopic::connect("redis://localhost", "orders", TopicOptions::default()).await?;
///
/// // Where the orders are, one process publishes them ...
/// let relay = Relay::new("orders", Store::new(MemoryStore::new()), MemoryReadModel::new())
///     .publish(Interest::events::<OrderEvent>(), topic.clone())
///     .start()?;
///
/// // ... and elsewhere others handle them.
/// let stock = Subscription::to::<OrderEvent>("stock").run(|order: Recorded<OrderEvent>| async move {
///     println!("one piece less, because of {}", order.stream);
///     Ok(())
/// });
/// let consumer = topic.ordered(stock).start().await?;
/// # drop((relay, consumer));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisTopic {
    pub(super) inner: Arc<Inner>,
    pub(super) observer: Option<SharedObserver>,
}

pub(super) struct Inner {
    pub(super) redis: Redis,
    pub(super) keys: Keys,
    pub(super) options: TopicOptions,
    name: String,
    /// What the relay in this process has published, per epoch: the server must know as much.
    since: Mutex<Option<(u64, Position)>>,
    published: AtomicU64,
    /// With how many partitions the topic was made, as far as this handle has heard.
    made_with: AtomicUsize,
    /// The groups that were seen, with their modes: should the server lose them, they are told
    /// to it again.
    groups: Mutex<BTreeMap<String, String>>,
}

impl RedisTopic {
    /// Connects to the Redis at `url` for the topic `name`. Nothing is written: the first
    /// relay that opens the topic makes it.
    ///
    /// # Errors
    /// `Invalid` for a URL, a name or an option that cannot be; `Unavailable` when the server
    /// cannot be reached.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing open.
    pub async fn connect(url: &str, name: &str, options: TopicOptions) -> Result<Self> {
        let keys = Keys::new(&options.namespace, name)?;
        let setting = |setting, value: String, remedy| Invalid::Setting { setting, value, remedy };
        if !PARTITIONS.contains(&usize::from(options.partitions)) {
            let value = options.partitions.to_string();
            return Err(setting("the partitions of a topic", value, "use 1 to 256").into());
        }
        if options.room == 0 {
            return Err(setting("the room of a topic", "0".to_owned(), "use 1 or more").into());
        }
        let mut known = BTreeMap::new();
        for (group, mode) in &options.groups {
            known.insert(SubscriberName::new(group)?.to_string(), mode.as_str().to_owned());
        }
        let made_with = AtomicUsize::new(usize::from(options.partitions));
        let redis = Redis::connect(url, RedisOptions::new()).await.map_err(failed)?;
        Ok(Self {
            inner: Arc::new(Inner {
                redis,
                keys,
                options,
                name: name.to_owned(),
                since: Mutex::default(),
                published: AtomicU64::new(0),
                made_with,
                groups: Mutex::new(known),
            }),
            observer: None,
        })
    }

    /// The same topic, whose consumers tell `observer` what their handlers do. What is
    /// published is told by the relay, to the observer of its store.
    #[must_use]
    pub fn observed_by(mut self, observer: SharedObserver) -> Self {
        self.observer = Some(observer);
        self
    }

    /// The name of the topic.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }
}

impl Inner {
    /// With how many partitions a relay is to make the topic.
    fn partitions(&self) -> usize {
        usize::from(self.options.partitions)
    }

    /// The streams of the partitions that the topic was made with, as far as is known.
    pub(super) fn streams(&self) -> Vec<String> {
        self.keys.partitions(self.made_with.load(Ordering::Relaxed)).collect()
    }

    pub(super) async fn run(&self, command: Command) -> Result<Answer> {
        Answer::read(self.redis.command(command).await.map_err(failed)?)
    }

    /// Runs a script over all partitions, which `command` makes of their streams.
    ///
    /// *Hazard.* Whoever uses a topic need not know how it was made, and one that looks at some of
    /// the partitions only would never be given what is in the others.
    /// *Mechanism.* The script compares, and answers with the number that holds.
    pub(super) async fn run_over_all(
        &self,
        command: impl Fn(Vec<String>) -> Command + Send,
        failed: fn(es_redis::Error) -> Error,
    ) -> Result<Answer> {
        loop {
            let reply = self.redis.command(command(self.streams())).await.map_err(failed)?;
            let mut answer = Answer::read(reply)?;
            if answer.word != "partitions" {
                return Ok(answer);
            }
            let found = answer.count()?;
            let Some(found) = usize::try_from(found).ok().filter(|n| PARTITIONS.contains(n)) else {
                let message = format!("topic {} says that it has {found} partitions", self.name);
                return Err(Error::new(ErrorKind::Fault, message));
            };
            self.made_with.store(found, Ordering::Relaxed);
        }
    }

    /// Runs a script that is given up after `time`, waiting for a connection included.
    pub(super) async fn run_within(&self, command: Command, time: Duration) -> Result<Answer> {
        Answer::read(self.redis.command_within(command, time).await.map_err(failed)?)
    }

    fn since(&self) -> MutexGuard<'_, Option<(u64, Position)>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn known_groups(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first arguments of a relay's scripts.
    fn asked(&self, command: Command, publisher: &Publisher) -> Command {
        let Publisher { log, relay, epoch, .. } = publisher;
        command.arg(log.to_string()).arg(relay.to_string()).arg(*epoch)
    }

    /// What this relay has published on the topic, if it has opened it.
    fn published_by(&self, publisher: &Publisher) -> Option<Position> {
        self.since().filter(|(epoch, _)| *epoch == publisher.epoch).map(|(_, since)| since)
    }

    /// Publishes what one command can carry.
    async fn publish(
        &self,
        publisher: &Publisher,
        events: &[Recorded],
        through: Position,
    ) -> Result<()> {
        let not_opened = || Error::new(ErrorKind::NotFound, "the topic was not opened");
        let since = self.published_by(publisher).ok_or_else(not_opened)?;
        let keys = [self.keys.meta(), self.keys.bell()];
        let keys = keys.into_iter().chain(self.keys.partitions(self.partitions()));
        let mut command = self
            .asked(PUBLISH.on(keys), publisher)
            .with_room(3 + events.len() * 18)
            .arg(since.get())
            .arg(through.get())
            .arg(self.options.room);
        let mut written = Written::with_room(events.len() * 384);
        for event in events {
            let fields = encode(event, is_history(), &mut written)?;
            let partition = partition_of(stream_of(&fields), self.partitions());
            for number in [partition, fields.len() * 2] {
                command = command.arg(written.put(number));
            }
            command =
                command.arg(written.put(event.position.get())).arg(written.put(part_of(event)));
            for (name, value) in fields {
                command = command.arg(name).arg(value);
            }
        }
        let mut answer = self.run(command).await?;
        if answer.word != "ok" {
            return Err(self.refused(publisher, answer));
        }
        self.published.fetch_add(answer.count()?, Ordering::Relaxed);
        *self.since() = Some((publisher.epoch, since.max(through)));
        Ok(())
    }

    fn refused(&self, publisher: &Publisher, mut answer: Answer) -> Error {
        let word = answer.word.clone();
        let found = answer.text().unwrap_or_default();
        match word.as_str() {
            "lost" => {
                let message = format!("topic {} has lost events", self.name);
                Error::new(ErrorKind::NotFound, message)
            }
            "full" => {
                let message = format!(
                    "topic {} is full: its consumers are behind, or a group that nobody serves \
                     was not removed",
                    self.name
                );
                Error::new(ErrorKind::Busy, message)
            }
            "fenced" => {
                let current = found.parse().unwrap_or(u64::MAX);
                Fenced::new(publisher.relay.clone(), publisher.epoch, current).into()
            }
            "log" => match log_of(&found) {
                Ok(found) => Diverged::Replaced { expected: publisher.log, found }.into(),
                Err(error) => error,
            },
            "relay" => Invalid::Setting {
                setting: "the relay of a topic",
                value: publisher.relay.to_string(),
                remedy: "another relay publishes on it: use a topic for each relay",
            }
            .into(),
            "partitions" => Invalid::Setting {
                setting: "the partitions of a topic",
                value: format!("{} (it was made with {found})", self.options.partitions),
                remedy: "use the number that it was made with, or make a new topic",
            }
            .into(),
            other => Error::new(ErrorKind::Fault, format!("a script answered {other:?}")),
        }
    }
}

/// How many of these events one command carries: a server serves nobody else while it works,
/// and older ones refuse more than a million arguments.
fn at_once(events: &[Recorded]) -> usize {
    const EVENTS: usize = 512;
    const BYTES: usize = 4 << 20;
    let mut bytes = 0_usize;
    let fits = |event: &&Recorded| {
        let has_room = bytes < BYTES;
        bytes = bytes.saturating_add(event.payload.bytes().len());
        has_room
    };
    events.iter().take(EVENTS).take_while(fits).count()
}

pub(super) fn log_of(text: &str) -> Result<LogId> {
    let id: EventId = text.parse()?;
    Ok(LogId::from_uuid(id.as_uuid()))
}

fn position_of(text: &str) -> Result<Position> {
    let number = text.parse().map_err(|error| Error::fault("no position", error))?;
    Ok(Position::new(number))
}

#[async_trait]
impl Transport for RedisTopic {
    fn may_refuse(&self) -> bool {
        false
    }

    async fn open(&self, publisher: &Publisher) -> Result<Position> {
        let inner = &self.inner;
        let keys = [inner.keys.meta(), inner.keys.groups()];
        let keys = keys.into_iter().chain(inner.keys.partitions(inner.partitions()));
        let mut command = inner
            .asked(OPEN.on(keys), publisher)
            .arg(publisher.published.get())
            .arg(publisher.consumed.get())
            .arg(inner.options.partitions);
        for (group, mode) in &*inner.known_groups() {
            command = command.arg(group).arg(mode);
        }
        let mut answer = inner.run(command).await?;
        if answer.word != "ok" {
            return Err(inner.refused(publisher, answer));
        }
        let through = position_of(&answer.text()?)?;
        *inner.since() = Some((publisher.epoch, through));
        Ok(through.min(publisher.published))
    }

    async fn publish(
        &self,
        publisher: &Publisher,
        events: &[Recorded],
        through: Position,
    ) -> Result<Vec<Refused>> {
        let mut left = events;
        loop {
            let (now, later) = left.split_at(at_once(left));
            let until = later.first().map_or(through, |next| {
                through.min(Position::new(next.position.get().saturating_sub(1)))
            });
            self.inner.publish(publisher, now, until).await?;
            if later.is_empty() {
                return Ok(Vec::new());
            }
            left = later;
        }
    }

    async fn consumed(&self, publisher: &Publisher) -> Result<Option<Position>> {
        let inner = &self.inner;
        let keys = [inner.keys.meta(), inner.keys.groups()];
        let keys = keys.into_iter().chain(inner.keys.partitions(inner.partitions()));
        let prefix = inner.keys.prefix().to_owned().into_bytes();
        let command = inner.asked(TRIM.on(keys), publisher).arg(prefix);
        let grace = u64::try_from(inner.options.grace.as_millis()).unwrap_or(u64::MAX);
        // Whether it may ask is said there.
        let since = inner.published_by(publisher).unwrap_or(Position::START);
        let command = command.arg(grace.min(1 << 50)).arg(since.get());
        let mut answer = inner.run(command).await?;
        if answer.word != "ok" {
            return Err(inner.refused(publisher, answer));
        }
        let consumed = position_of(&answer.text()?)?;
        let mut names = answer.next()?.array("groups").map_err(failed)?.into_iter();
        let declared = inner.options.groups.iter();
        let declared = declared.map(|(group, mode)| (group.to_string(), mode.as_str().to_owned()));
        let mut known: BTreeMap<String, String> = declared.collect();
        while let (Some(group), Some(mode)) = (names.next(), names.next()) {
            let both = group.text("a group").and_then(|group| Ok((group, mode.text("a mode")?)));
            let (group, mode) = both.map_err(failed)?;
            known.insert(group, mode);
        }
        // One that was removed elsewhere is not to come back.
        *inner.known_groups() = known;
        Ok(Some(consumed))
    }
}

impl fmt::Debug for RedisTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTopic")
            .field("name", &self.inner.name)
            .field("redis", &self.inner.redis)
            .field("options", &self.inner.options)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for RedisTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "topic {} on {}", self.inner.name, self.inner.redis)
    }
}
