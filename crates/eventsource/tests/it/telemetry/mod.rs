//! One trace through command, store, projection and another process, and every span.

mod bank;
mod bus;
mod child;
mod elsewhere;
mod history;
mod names;
#[cfg(feature = "redis")]
mod servers;
#[cfg(feature = "redis")]
mod topics;
mod trace;
