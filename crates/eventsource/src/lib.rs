#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod open;
pub mod prelude;

#[cfg(feature = "aggregate")]
#[doc(inline)]
pub use es_aggregate as aggregate;
#[cfg(feature = "bus")]
#[doc(inline)]
pub use es_bus as bus;
#[cfg(feature = "projection")]
#[doc(inline)]
pub use es_projection as projection;
#[cfg(feature = "memory")]
#[doc(inline)]
pub use es_store_memory as memory;
#[cfg(feature = "postgres")]
#[doc(inline)]
pub use es_store_postgres as postgres;
#[cfg(feature = "redis")]
#[doc(inline)]
pub use es_store_redis as redis;
#[cfg(feature = "sqlite")]
#[doc(inline)]
pub use es_store_sqlite as sqlite;
#[cfg(feature = "telemetry")]
#[doc(inline)]
pub use es_telemetry as telemetry;

#[cfg(feature = "aggregate")]
#[doc(inline)]
pub use es_aggregate::{
    Aggregate, Applier, Apply, Decide, Execute, ExecuteError, Given, Moment, Repository, Root,
    Saved, SnapshotPolicy, When, apply, given,
};
#[cfg(feature = "bus")]
#[doc(inline)]
pub use es_bus::{
    BusStatistics, Delivered, Delivery, EventHandler, Exhausted, Interest, KeptLetter, LocalBus,
    LocalOptions, PortTransport, Publisher, Refused, Registration, RegistrationGuard, Relay,
    RelayState, RelayStatus, Replayed, Retry, RunningRelay, Subscribe, Subscription,
    SubscriptionStatistics, Transport, WhenFull,
};
#[cfg(all(feature = "bus", feature = "redis"))]
#[doc(inline)]
pub use es_bus::{
    ConsumerState, ConsumerStatus, GroupMode, GroupStatus, GroupWatch, RedisConsumer, RedisTopic,
    RunningConsumer, StartAt, TopicOptions,
};
#[doc(inline)]
pub use es_core::{
    Append, AppendIn, AppendRequest, Arrival, Backend, BareEvent, BareEvents, BoxError,
    BrokenChain, Capabilities, Category, Check, Checkpoint, CheckpointStore, ConditionFailed,
    Conflict, ContentType, DeadLetter, DeadLetterStore, DecodedEvent, Direction, Dispatch,
    Diverged, Durability, Envelope, Error, ErrorKind, EventBus, EventId, EventStore, EventStream,
    EventType, ExpectedVersion, Fenced, FoldEvent, FoldPage, FoldPages, FoldStream, Follow,
    FollowStream, Gauge, GaugeSource, GroupWork, Head, Health, HealthReport, IdempotencyClash,
    IntoNewEvent, Invalid, Key, Layer, LogId, Metadata, NewEvent, Observation, Observer, On,
    Outcome, Owner, PageStream, Part, Payload, Position, Progress, Query, QueryItem, Read,
    ReadModel, Receipt, Recorded, Registry, Release, Result, Schema, Selection, Shape, ShapeChange,
    ShapeDifference, SharedObserver, Snapshot, SnapshotKey, SnapshotStore, SnapshotUse, Store,
    StreamAppend, StreamExpectation, StreamId, SubscriberName, Tag, Tags, Tenant, TenantScope,
    Timestamp, Undecodable, UnknownEvent, Unless, Upcasters, UpcastersBuilder, Version, limits,
    spans,
};
#[cfg(feature = "derive")]
#[doc(inline)]
pub use es_macros::EventFacade as Event;
#[cfg(feature = "projection")]
#[doc(inline)]
pub use es_projection::{
    CaughtUp, Handle, Handler, IdempotencyKey, Inline, InlineTx, Lag, OnFailure, Policy,
    Projection, Reactor, Rebuild, RebuildProgress, RebuildWatch, Rebuilding, Rebuilt, Replay,
    ReplayFrom, Retried, Rewound, Runner, Running, Scope, Slice, State, Status, Stopped,
    Subscriber, Trouble, WaitError, handle, react_again, replay, wait_for,
};
#[cfg(feature = "memory")]
#[doc(inline)]
pub use es_store_memory::MemoryStore;
#[cfg(feature = "postgres")]
#[doc(inline)]
pub use es_store_postgres::{
    PgTx, PostgresInbox, PostgresOptions, PostgresReadModel, PostgresSnapshotStore, PostgresStore,
};
#[cfg(feature = "redis")]
#[doc(inline)]
pub use es_store_redis::{
    Followed, OfPartition, PartitionsError, Placement, RedisFollow, RedisOptions, RedisPartitions,
    RedisPositions, RedisReadModel, RedisSnapshotStore, RedisStore, RedisTx,
};
#[cfg(feature = "sqlite")]
#[doc(inline)]
pub use es_store_sqlite::{
    SqliteInbox, SqliteReadModel, SqliteSnapshotStore, SqliteStore, SqliteTx,
};
#[cfg(feature = "telemetry")]
#[doc(inline)]
pub use es_telemetry::Telemetry;
pub use event_trait::*;
pub use open::{open, open_observed};

/// The trait `Event`, to be imported by a glob.
///
/// es-core exports a derive of that name too when anything in the build turns its feature
/// on. A named import would then bring in both and clash with the derive of this crate; a
/// glob gives way to it.
mod event_trait {
    #[doc(inline)]
    pub use es_core::Event;
}

/// What the output of `derive(Event)` refers to. Not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use es_core as core;
    // For `#[event(crate = "..")]`, which names the facade where it has another name.
    pub use es_core::__private::serde;
}

/// The README of the repository, whose example must compile and run.
#[cfg(all(doctest, feature = "aggregate", feature = "derive", feature = "sqlite"))]
#[doc = include_str!("../../../README.md")]
struct RepositoryReadme;
