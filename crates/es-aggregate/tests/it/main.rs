//! The promises A1 to A5 and what else a repository does, on three kinds of store: plain,
//! behind a layer, and erased.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod account;
mod doubles;

mod a1_fold;
mod a2_unknown_events;
mod a3_nothing_written;
mod a4_conflicts;
mod a5_snapshots;
mod cache;
mod lost_end;
mod lost_replies;
mod metadata;
mod no_timer;
mod observed;
mod publishing;
mod roots;
mod simulated;
mod time_travel;
mod ui;
mod upcasting;

/// Makes one test per store of each case, which is an `async fn(Store)`.
macro_rules! on_every_store {
    ($($case:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case(crate::doubles::memory()).await; })*
        }
        mod layered {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case(crate::doubles::layered()).await; })*
        }
        mod erased {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case(crate::doubles::erased()).await; })*
        }
    };
}
pub(crate) use on_every_store;
