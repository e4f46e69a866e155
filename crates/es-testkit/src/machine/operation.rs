//! What a history is made of: operations in the abstract.
//!
//! They name streams, events and positions by number, and mean whatever is there when it is
//! their turn: "retry the second append", "expect what it has". So a history keeps its
//! meaning when shrinking takes an operation out of it.

use es_core::{ExpectedVersion, Metadata, Payload, Version};

use super::names::Names;

/// Operations on a fresh store, and the names that they use.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) names: Names,
    pub(super) operations: Vec<Operation>,
}

/// One step of a history.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    Append(AppendPlan),
    /// So many events at once, of all types and tags: a store may do otherwise in a log that
    /// is not tiny, and its pages have an end.
    Bulk(Whose, StreamAt, u16),
    Retry(RetryPlan),
    /// Dropped after so many polls, and then made again.
    Dropped(AppendPlan, u8),
    Read(ReadPlan),
    Version(Whose, StreamAt),
    Find(FindPlan),
    Head,
    /// Catches up, and again after each of these appends.
    Follow(ReadPlan, Vec<AppendPlan>),
    /// All at once.
    Together(Vec<Contender>),
    /// Some wait while one appends; each begins after so many turns of the others.
    Wake {
        waiters: Vec<u8>,
        writer: u8,
        write: NotePlan,
    },
    /// An append for each event that the read yields.
    ReadWhileWriting(ReadPlan, NotePlan),
}

/// Whose streams are meant, and whether through a handle that is scoped to that tenant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whose {
    pub(super) tenant: Option<u8>,
    pub(super) scoped: bool,
}

impl Whose {
    /// The tenant of the handle, if the handle has one.
    pub(super) fn scope(self) -> Option<u8> {
        self.tenant.filter(|_| self.scoped)
    }
}

/// A stream, by the numbers of its names.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamAt {
    pub(super) category: u8,
    pub(super) key: u8,
}

/// One of those that there are by then, counted from the last one: so it stays the same when
/// shrinking takes away what was long before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pick(pub(super) u16);

impl Pick {
    pub(super) fn of<T>(self, all: &[T]) -> Option<&T> {
        let back = usize::from(self.0).checked_rem(all.len())?;
        all.iter().rev().nth(back)
    }
}

#[derive(Clone, Debug)]
pub(super) struct AppendPlan {
    pub(super) whose: Whose,
    pub(super) writes: Vec<WritePlan>,
    pub(super) required: Vec<(StreamAt, Expect)>,
    pub(super) unless: Vec<(QueryPlan, Place)>,
}

#[derive(Clone, Debug)]
pub(super) struct WritePlan {
    pub(super) stream: StreamAt,
    pub(super) expect: Expect,
    pub(super) events: Vec<EventPlan>,
}

/// One event, whatever is there.
#[derive(Clone, Debug)]
pub(super) struct NotePlan {
    pub(super) whose: Whose,
    pub(super) stream: StreamAt,
    pub(super) event: EventPlan,
}

#[derive(Clone, Debug)]
pub(super) struct EventPlan {
    pub(super) name: u8,
    pub(super) version: u32,
    pub(super) payload: Payload,
    pub(super) metadata: Metadata,
    pub(super) tags: Vec<u8>,
}

/// What is expected of a stream, by what it has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expect {
    Any,
    AsItIs,
    Exists,
    NoStream,
    /// So many more than it has, or fewer.
    Off(i8),
}

impl Expect {
    pub(super) fn of(self, actual: Option<Version>) -> ExpectedVersion {
        match self {
            Self::Any => ExpectedVersion::Any,
            Self::AsItIs => ExpectedVersion::exactly(actual),
            Self::Exists => ExpectedVersion::Exists,
            Self::NoStream => ExpectedVersion::NoStream,
            Self::Off(by) => {
                let has = actual.map_or(0, Version::get);
                let wrong = has.saturating_add_signed(i64::from(by)).max(1);
                ExpectedVersion::Exact(Version::new(wrong).unwrap_or(Version::MAX))
            }
        }
    }
}

/// A place in the log, by what is there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Head,
    Start,
    At(Pick),
    Before(Pick),
    /// Behind the head; 0 is as far as numbers go.
    Beyond(u8),
}

/// Alternatives, each of types and tags.
#[derive(Clone, Debug)]
pub(super) struct QueryPlan(pub(super) Vec<(Vec<u8>, Vec<u8>)>);

#[derive(Clone, Debug)]
pub(super) struct RetryPlan {
    pub(super) of: Pick,
    pub(super) change: Change,
}

/// What is different in the repetition of an append.
#[derive(Clone, Debug)]
pub(super) enum Change {
    // What a replay may change.
    Nothing,
    Expectations(Expect),
    NoDemands,
    OtherMetadata,
    // What makes it another append.
    OtherPayload(Pick),
    OtherContentType(Pick),
    OtherType(Pick),
    OtherSchemaVersion(Pick),
    OtherTags(Pick),
    WithoutFirst,
    WithoutLast,
    NewFirst(EventPlan),
    NewLast(EventPlan),
    NewId(Pick),
    Reversed,
    OtherStream(StreamAt),
    OtherTenant(Whose),
    StreamsReversed,
    /// With the events of another append behind it.
    With(Pick),
}

#[derive(Clone, Debug)]
pub(super) struct ReadPlan {
    pub(super) whose: Whose,
    pub(super) select: Select,
    pub(super) tenants: Tenants,
    pub(super) query: Option<QueryPlan>,
    pub(super) after: Option<Place>,
    pub(super) until: Option<Place>,
    /// For streams only.
    pub(super) versions: (Option<u8>, Option<u8>),
    pub(super) since: Option<(Pick, i8)>,
    pub(super) before: Option<(Pick, i8)>,
    pub(super) limit: Option<Limit>,
    pub(super) backward: bool,
    pub(super) of_log: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Select {
    All,
    Category(u8),
    Stream(StreamAt),
    Event(Pick),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    Events(u8),
    /// As many as the log has but for so many, which is where pages meet limits.
    AllBut(u8),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Tenants {
    Untenanted,
    All,
    One(u8),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct FindPlan {
    pub(super) event: Pick,
    pub(super) is_known: bool,
    pub(super) whose: Whose,
}

/// One of several that append at the same time.
#[derive(Clone, Debug)]
pub(super) enum Contender {
    Append(AppendPlan),
    Retry(RetryPlan),
    /// The same as the one before it.
    Twin,
}
