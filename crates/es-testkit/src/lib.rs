#![doc = include_str!("../README.md")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a case proves a promise by panicking where it is broken"
)]

pub mod bus;
mod cases;
mod declined;
mod macros;
pub mod progress;
pub mod read_model;
mod run;
mod sample;
pub mod shared;
pub mod store;
mod tasks;

pub use run::{Fixture, run, skip};

// Layers, clocks, ids and crashes for tests; random values and the state machine; servers.
mod clock;
mod ids;
mod layers;
#[cfg(feature = "proptest")]
pub mod machine;
#[cfg(feature = "servers")]
pub mod servers;
mod simulation;
#[cfg(feature = "proptest")]
pub mod strategies;

pub use clock::ManualClock;
pub use ids::Ids;
pub use simulation::{Mortal, Process, Simulation};

pub use layers::{
    AppendFault, Asked, Faults, HeadFault, Planned, ReadFault, Recording, WaitFault, When,
};

/// The guide for those who write a backend: its examples compile and run.
#[cfg(all(doctest, feature = "proptest"))]
#[doc = include_str!("../../../docs/testing-your-backend.md")]
struct BackendGuide;

mod schema_lock;
pub use schema_lock::{SchemaFinding, SchemaLock, SchemaLockError};

/// What the macros expand to. Not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use es_core::{CheckpointStore, DeadLetterStore, SnapshotStore, Store};

    pub use crate::run::{from_fixture, from_subject, run};
}
