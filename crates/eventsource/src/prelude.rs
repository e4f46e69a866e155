//! The names that a user types daily. None of them shadows a name of std's prelude, so
//! `Error` and `Result` stay out.

#[cfg(feature = "aggregate")]
pub use crate::{Aggregate, Apply, Decide, ExecuteError, Repository, Root, apply};
pub use crate::{
    Append, Event, EventId, ExpectedVersion, Follow, Metadata, NewEvent, Position, Query, Read,
    Recorded, Store, StreamId, Tag, Tenant, Version,
};
#[cfg(feature = "bus")]
pub use crate::{LocalBus, Relay, Subscription};
#[cfg(feature = "projection")]
pub use crate::{Projection, Reactor, Runner};
