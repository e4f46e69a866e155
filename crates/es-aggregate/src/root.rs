//! A loaded aggregate: its state, its place in its stream, and what is not saved yet.

use std::{fmt, ops::Deref};

use es_core::{
    Category, Event, EventId, ExpectedVersion, FoldEvent, Key, NewEvent, Receipt, Recorded, Result,
    StreamId, Version,
};

use crate::{Aggregate, place::Place};

/// A loaded aggregate: the imperative style.
///
/// Derefs to the state. Methods of the state say whether something may happen, and
/// [`Root::record`] says that it did; [`Repository::save`](crate::Repository::save) writes
/// what was recorded. Each recorded event has its id from then on, so that saving again
/// after a lost reply doubles nothing.
///
/// ```
/// use es_aggregate::{Aggregate, Root};
/// use es_core::{Event, Key};
///
/// #[derive(Event)]
/// enum CounterEvent {
///     Added { amount: u32 },
/// }
///
/// #[derive(Default)]
/// struct Counter(u32);
///
/// impl Aggregate for Counter {
///     const CATEGORY: &'static str = "counter";
///     type Event = CounterEvent;
///     fn evolve(&mut self, CounterEvent::Added { amount }: &CounterEvent) {
///         self.0 += amount;
///     }
/// }
///
/// let mut counter = Root::<Counter>::new(Key::new("c1")?);
/// counter.record(CounterEvent::Added { amount: 3 });
/// assert_eq!(counter.0, 3);
/// assert_eq!(counter.pending().count(), 1);
/// # Ok::<(), es_core::Error>(())
/// ```
pub struct Root<A: Aggregate> {
    stream: StreamId,
    state: A,
    place: Place,
    pending: Vec<(EventId, A::Event)>,
}

impl<A: Aggregate> Root<A> {
    /// An aggregate that has no events yet. Saved by a repository of a tenant, it is that
    /// tenant's.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self::at(StreamId::of(Category::from_static(A::CATEGORY), key))
    }

    /// Folds recorded events, which must be the whole history of the aggregate `key` so
    /// far, in order.
    ///
    /// Where upcasters drop events of it, use [`Root::replay_untyped`]: a typed read passes
    /// over them, and what is missing here is an error.
    ///
    /// # Errors
    /// [`Invalid::ForeignEvent`](es_core::Invalid::ForeignEvent) for an event of another
    /// stream, [`VersionGap`](es_core::Invalid::VersionGap) for one that is not the next,
    /// [`PartGap`](es_core::Invalid::PartGap) for a split event that lacks a part.
    pub fn replay(key: Key, events: impl IntoIterator<Item = Recorded<A::Event>>) -> Result<Self> {
        Self::fold(key, events, |root, event| root.take(&event))
    }

    /// Folds recorded events that are not decoded yet, as [`Root::replay`] does. Events that
    /// upcasters dropped count as versions and change nothing.
    ///
    /// # Errors
    /// Those of [`Root::replay`]; `UnknownEvent` or `Undecodable`, with the position, for an
    /// event that is not among `A::Event` (A2).
    pub fn replay_untyped(key: Key, events: impl IntoIterator<Item = Recorded>) -> Result<Self> {
        Self::fold(key, events, |root, event| root.take_untyped(&event))
    }

    /// Says that something happened: takes it into the state and keeps it to be saved.
    pub fn record(&mut self, event: A::Event) -> &mut Self {
        self.state.evolve(&event);
        self.pending.push((EventId::new(), event));
        self
    }

    /// The stream of the aggregate.
    #[must_use]
    pub const fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// The version of the last saved event; `None` when there is none.
    #[must_use]
    pub const fn version(&self) -> Option<Version> {
        self.place.version
    }

    /// The state, recorded events included.
    #[must_use]
    pub const fn state(&self) -> &A {
        &self.state
    }

    /// The recorded events that are not saved yet.
    pub fn pending(&self) -> impl ExactSizeIterator<Item = &A::Event> {
        self.pending.iter().map(|(_, event)| event)
    }

    /// The state alone.
    #[must_use]
    pub fn into_state(self) -> A {
        self.state
    }

    pub(crate) fn at(stream: StreamId) -> Self {
        Self { stream, state: A::default(), place: Place::default(), pending: Vec::new() }
    }

    /// Starts over from a state that was kept.
    pub(crate) fn restored(stream: StreamId, state: A, version: Version, last: EventId) -> Self {
        Self { stream, state, place: Place::at(version, last), pending: Vec::new() }
    }

    /// The event at [`Root::version`].
    pub(crate) const fn last_event(&self) -> Option<EventId> {
        self.place.last
    }

    pub(crate) fn expected(&self) -> ExpectedVersion {
        ExpectedVersion::exactly(self.version())
    }

    /// Takes a recorded event into the state; it must be the next one of this stream, or the
    /// next part of a split one.
    pub(crate) fn take_untyped(&mut self, recorded: &Recorded) -> Result<()> {
        self.take_next(&recorded.into())
    }

    /// Takes the next event into the state, in whatever form it was read.
    pub(crate) fn take_next(&mut self, event: &FoldEvent<'_>) -> Result<()> {
        if event.part.is_dropped() {
            return self.step(event);
        }
        let decoded = A::Event::decode(event.schema, event.payload)
            .map_err(|error| error.at(event, &self.stream))?;
        self.step(event)?;
        self.state.evolve(&decoded);
        Ok(())
    }

    /// Whether all parts of the last event were taken.
    ///
    /// # Errors
    /// [`PartGap`](es_core::Invalid::PartGap) when some are missing.
    pub(crate) fn check_whole(&self) -> Result<()> {
        self.place.check_whole(&self.stream)
    }

    fn take(&mut self, recorded: &Recorded<A::Event>) -> Result<()> {
        self.step(&FoldEvent::from(&recorded.untyped()))?;
        self.state.evolve(&recorded.event);
        Ok(())
    }

    fn step(&mut self, event: &FoldEvent<'_>) -> Result<()> {
        let is_first = self.place.version.is_none();
        self.place.step(&self.stream, event)?;
        if let Some(stream) = event.stream.filter(|_| is_first) {
            // The same name, but the store's copy of it: the next comparisons are of pointers.
            self.stream = stream.clone();
        }
        Ok(())
    }

    fn fold<T>(
        key: Key,
        events: impl IntoIterator<Item = Recorded<T>>,
        take: impl Fn(&mut Self, Recorded<T>) -> Result<()>,
    ) -> Result<Self> {
        let mut root = Self::new(key);
        for (at, event) in events.into_iter().enumerate() {
            if at == 0
                && let Some(tenant) = event.tenant()
            {
                root.stream = root.stream.with_tenant(tenant.clone());
            }
            take(&mut root, event)?;
        }
        root.check_whole()?;
        Ok(root)
    }

    /// The ids of the recorded events that are not saved yet.
    pub(crate) fn pending_ids(&self) -> impl Iterator<Item = EventId> {
        self.pending.iter().map(|(id, _)| *id)
    }

    /// The first `count` recorded events as they go to the log.
    pub(crate) fn encode_pending(&self, count: usize) -> Result<Vec<NewEvent>> {
        let encode = |(id, event): &(EventId, _)| Ok(NewEvent::of(event)?.with_id(*id));
        self.pending.iter().take(count).map(encode).collect()
    }

    /// `events` are in the log now, up to `version`: takes them into the state.
    pub(crate) fn grow(&mut self, events: &[A::Event], last: Option<EventId>, version: Version) {
        events.iter().for_each(|event| self.state.evolve(event));
        self.place.version = Some(version);
        self.place.last = last.or(self.place.last);
    }

    /// The first `count` of what was recorded are in the log now, as `receipt` says.
    pub(crate) fn committed(&mut self, count: usize, receipt: &Receipt) -> Vec<A::Event> {
        if let Some((stream, _)) = receipt.versions.first() {
            // A root that was made without a repository does not know its tenant.
            self.stream = stream.clone();
        }
        self.place.version = Some(receipt.version());
        let count = count.min(self.pending.len());
        let last = self.pending.get(count.saturating_sub(1)).map(|(id, _)| *id);
        self.place.last = last.or(self.place.last);
        self.pending.drain(..count).map(|(_, event)| event).collect()
    }
}

impl<A: Aggregate> Deref for Root<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.state
    }
}

impl<A: Aggregate + fmt::Debug> fmt::Debug for Root<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Root")
            .field("stream", &self.stream)
            .field("version", &self.version())
            .field("pending", &self.pending.len())
            .field("state", &self.state)
            .finish()
    }
}
