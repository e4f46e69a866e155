#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod append;
mod bus;
mod dispatch;
mod error;
mod event;
mod health;
pub mod limits;
mod log;
mod name;
mod observe;
mod progress;
mod read;
mod shape;
mod store;
mod stream;
mod text;
mod upcast;

pub use append::{
    Append, AppendRequest, Query, QueryItem, Receipt, StreamAppend, StreamExpectation, Unless,
};
pub use bus::EventBus;
pub use dispatch::{Dispatch, On};
#[doc(hidden)]
pub use error::says_out_of_reach;
pub use error::{
    BoxError, ConditionFailed, Conflict, Diverged, Error, ErrorKind, Fenced, IdempotencyClash,
    Invalid, Result, Undecodable, UnknownEvent, causes, is_out_of_reach, panic_text, with_causes,
};
pub use event::{
    BareEvent, BareEvents, ContentType, DecodedEvent, Envelope, Event, EventId, FoldEvent,
    FoldPage, IntoNewEvent, Metadata, NewEvent, Part, Payload, Recorded, Registry, Schema, Tag,
    Tags,
};
#[doc(hidden)]
pub use event::{ByReference, ByValue, Encoded};
pub use health::{Check, Health, HealthReport};
pub use log::{Head, LogId, Position, Timestamp};
pub use name::{Category, EventType, SubscriberName, Tenant};
pub use observe::{
    Gauge, GaugeSource, GroupWork, Observation, Observer, Outcome, SharedObserver, SnapshotUse,
    spans,
};
pub use progress::{
    Arrival, Checkpoint, CheckpointStore, DeadLetter, DeadLetterStore, Owner, Progress, ReadModel,
    Release, Snapshot, SnapshotKey, SnapshotStore,
};
pub use read::{Direction, Read, Selection, TenantScope};
pub use shape::{Shape, ShapeChange, ShapeDifference};
pub use store::{
    AppendIn, Backend, Capabilities, Durability, EventStore, EventStream, FoldPages, FoldStream,
    Follow, FollowStream, Layer, PageStream, Store,
};
pub use stream::{ExpectedVersion, Key, StreamId, Version};
pub use upcast::{BrokenChain, Upcasters, UpcastersBuilder};

#[cfg(feature = "derive")]
pub use es_macros::Event;

/// What the output of `derive(Event)` refers to. Not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use serde;
}
