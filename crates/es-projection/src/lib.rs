#![doc = include_str!("../README.md")]

mod board;
mod engine;
mod feed;
mod give_way;
mod handle;
mod inline;
mod observe;
mod policy;
mod projection;
mod reactor;
mod replay;
mod runner;
mod scope;
mod slices;
mod status;
mod subscriber;
mod wait;
mod worker;

pub use handle::{Handle, Handler, handle};
pub use inline::{Inline, InlineTx};
pub use policy::{OnFailure, Policy};
pub use projection::Projection;
pub use reactor::{IdempotencyKey, Reactor};
pub use replay::{Replay, ReplayFrom, Rewound, react_again, replay};
pub use runner::{
    CaughtUp, Rebuild, RebuildProgress, RebuildWatch, Rebuilding, Rebuilt, Retried, Runner,
    Running, Stopped,
};
pub use scope::Scope;
pub use slices::Slice;
pub use status::{Health, Lag, State, Status, Trouble};
pub use subscriber::Subscriber;
pub use wait::{WaitError, wait_for};
