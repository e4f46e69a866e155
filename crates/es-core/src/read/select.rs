//! The description of a read.

use crate::{
    Category, Envelope, Event, EventId, EventType, Invalid, LogId, Position, Query, StreamId, Tag,
    Tenant, Timestamp, Version,
};

/// Which events to read, in which order, from where to where.
///
/// Bounds narrow what is read and say nothing about the order: a backward read of
/// `after(10)` yields the last event first and ends with the one behind position 10.
///
/// ```
/// use es_core::{Category, Read, StreamId, Tag, Version};
///
/// let history = Read::stream(StreamId::new("account", "alice")?);
/// let tail = history.clone().from_version(Version::new(100)?);
/// let newest = Read::category(Category::new("account")?).backward().limit(10);
/// let of_customer = Read::all().tagged(Tag::new("customer", "c7")?);
/// # Ok::<(), es_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use = "a read does nothing until a store takes it"]
pub struct Read {
    /// Which part of the log.
    pub selection: Selection,
    /// Whose streams, where the selection spans several.
    pub tenants: TenantScope,
    /// Which of these events, by type and tag.
    pub query: Query,
    /// In which order.
    pub direction: Direction,
    /// Only events behind this position.
    pub after: Option<Position>,
    /// Only events up to and including this position.
    pub until: Option<Position>,
    /// Only this version of the stream and later ones.
    pub from_version: Option<Version>,
    /// Only versions of the stream up to and including this one.
    pub to_version: Option<Version>,
    /// Only events that were recorded at this moment or later.
    pub recorded_since: Option<Timestamp>,
    /// Only events that were recorded before this moment or at it.
    pub recorded_until: Option<Timestamp>,
    /// At most so many events.
    pub limit: Option<u64>,
    /// The log that the bounds belong to, where that must be checked.
    pub log: Option<LogId>,
}

/// Which part of the log a read covers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Selection {
    /// All of it.
    All,
    /// The streams of one category.
    Category(Category),
    /// One stream.
    Stream(StreamId),
    /// One event.
    Event(EventId),
}

/// Whose streams a read covers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TenantScope {
    /// Streams that belong to no tenant.
    #[default]
    Untenanted,
    /// The streams of one tenant.
    One(Tenant),
    /// Every stream, whoever it belongs to. A reader that asks for this must keep equal
    /// keys of two tenants apart.
    All,
}

/// The order of a read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// From the oldest event to the newest.
    #[default]
    Forward,
    /// From the newest event to the oldest.
    Backward,
}

impl Read {
    /// Every event of streams that belong to no tenant (or of the tenant of the handle).
    pub fn all() -> Self {
        Self::of(Selection::All)
    }

    /// The events of one category.
    pub fn category(category: Category) -> Self {
        Self::of(Selection::Category(category))
    }

    /// The events of one stream.
    pub fn stream(stream: StreamId) -> Self {
        Self::of(Selection::Stream(stream))
    }

    /// One event, whoever's it is (or among those of the tenant of the handle).
    pub fn event(id: EventId) -> Self {
        Self { tenants: TenantScope::All, ..Self::of(Selection::Event(id)) }
    }

    fn of(selection: Selection) -> Self {
        Self {
            selection,
            tenants: TenantScope::default(),
            query: Query::any(),
            direction: Direction::Forward,
            after: None,
            until: None,
            from_version: None,
            to_version: None,
            recorded_since: None,
            recorded_until: None,
            limit: None,
            log: None,
        }
    }

    /// Only events that `E` can decode.
    pub fn types<E: Event>(self) -> Self {
        self.of_types(E::SCHEMAS.iter().map(|schema| schema.name.clone()))
    }

    /// Only events of these types.
    pub fn of_types(mut self, types: impl IntoIterator<Item = EventType>) -> Self {
        self.query = self.query.of_types(types);
        self
    }

    /// Only events with this tag.
    pub fn tagged(mut self, tag: Tag) -> Self {
        self.query = self.query.and_tagged(tag);
        self
    }

    /// Only events that `query` means, instead of what was said by type and tag so far.
    pub fn matching(mut self, query: Query) -> Self {
        self.query = query;
        self
    }

    /// The streams of every tenant, and of none. Not for a handle that is scoped to one.
    pub fn all_tenants(mut self) -> Self {
        self.tenants = TenantScope::All;
        self
    }

    /// The streams of this tenant. The read of one stream goes by the tenant in its name and
    /// leaves this out of account.
    pub fn tenant(mut self, tenant: Tenant) -> Self {
        self.tenants = TenantScope::One(tenant);
        self
    }

    /// Newest first.
    pub const fn backward(mut self) -> Self {
        self.direction = Direction::Backward;
        self
    }

    /// Only events behind this position.
    pub const fn after(mut self, position: Position) -> Self {
        self.after = Some(position);
        self
    }

    /// Only events up to and including this position.
    pub const fn until(mut self, position: Position) -> Self {
        self.until = Some(position);
        self
    }

    /// Only this version of the stream and later ones.
    pub const fn from_version(mut self, version: Version) -> Self {
        self.from_version = Some(version);
        self
    }

    /// Only versions of the stream up to and including this one.
    pub const fn to_version(mut self, version: Version) -> Self {
        self.to_version = Some(version);
        self
    }

    /// Only events that were recorded at this moment or later.
    pub const fn recorded_since(mut self, moment: Timestamp) -> Self {
        self.recorded_since = Some(moment);
        self
    }

    /// Only events that were recorded before this moment or at it.
    pub const fn recorded_until(mut self, moment: Timestamp) -> Self {
        self.recorded_until = Some(moment);
        self
    }

    /// At most so many events. Behind [`Upcasters`](crate::Upcasters) each part of a split
    /// event counts, so a read may end between two of them, and a dropped one does not.
    pub const fn limit(mut self, events: u64) -> Self {
        self.limit = Some(events);
        self
    }

    /// Says to which log the positions belong. Another log is answered by `LogDiverged`.
    pub const fn of_log(mut self, log: LogId) -> Self {
        self.log = Some(log);
        self
    }

    /// Whether this read covers `envelope`, its limit aside.
    #[must_use]
    pub fn covers(&self, envelope: &Envelope) -> bool {
        self.selects(envelope)
            && self.query.matches(&envelope.schema, &envelope.tags)
            && self.after.is_none_or(|after| envelope.position > after)
            && self.until.is_none_or(|until| envelope.position <= until)
            && self.from_version.is_none_or(|from| envelope.version >= from)
            && self.to_version.is_none_or(|to| envelope.version <= to)
            && self.recorded_since.is_none_or(|since| envelope.recorded_at >= since)
            && self.recorded_until.is_none_or(|until| envelope.recorded_at <= until)
    }

    fn selects(&self, envelope: &Envelope) -> bool {
        match &self.selection {
            Selection::Stream(stream) => return envelope.stream == *stream,
            Selection::Category(category) if envelope.stream.category() != category => {
                return false;
            }
            Selection::Event(id) if envelope.id != *id => return false,
            Selection::All | Selection::Category(_) | Selection::Event(_) => {}
        }
        match &self.tenants {
            TenantScope::All => true,
            TenantScope::Untenanted => envelope.tenant().is_none(),
            TenantScope::One(tenant) => envelope.tenant() == Some(tenant),
        }
    }

    /// This read as a handle that is scoped to `tenant` may do it, checked.
    pub(crate) fn scoped(mut self, tenant: Option<&Tenant>) -> Result<Self, Invalid> {
        if let Selection::Stream(stream) = &self.selection {
            self.selection = Selection::Stream(stream.scoped(tenant)?);
        } else if self.from_version.is_some() || self.to_version.is_some() {
            return Err(Invalid::Read { reason: "versions bound the read of one stream only" });
        }
        if let Some(tenant) = tenant {
            match &self.tenants {
                TenantScope::All if !matches!(self.selection, Selection::Event(_)) => {
                    let reason = "a handle that is scoped to a tenant cannot read all tenants";
                    return Err(Invalid::Read { reason });
                }
                TenantScope::One(other) if other != tenant => {
                    let reason = "the handle is scoped to another tenant";
                    return Err(Invalid::Read { reason });
                }
                _ => self.tenants = TenantScope::One(tenant.clone()),
            }
        }
        self.check()?;
        Ok(self)
    }

    fn check(&self) -> Result<(), Invalid> {
        match &self.selection {
            Selection::Stream(stream) => stream.check()?,
            Selection::Category(category) => category.check()?,
            Selection::All | Selection::Event(_) => {}
        }
        if let TenantScope::One(tenant) = &self.tenants {
            tenant.check()?;
        }
        self.query.check()
    }
}
