//! Takes the rows of another library's events table into a log.
//!
//! What is kept: ids, versions, order, times, metadata. What the import promises:
//!
//! - **A second run doubles nothing.** Each event keeps its id, so the log recognises what it
//!   has. A run that was broken off is finished by running it again.
//! - **A bad row stops its own stream and no other**, if it is asked to go on: an event behind
//!   a hole would get another version. Each bad row is reported with its key.
//! - **The source is only read**, in one transaction, as of one moment.
//!
//! Here: what all sources have in common, and the source `eventsource-py`.

mod batch;
mod eventsource_py;
mod import;
mod raw;
mod report;
mod scratch;

pub use eventsource_py::EventsourcePy;
pub use import::{Options, import};
pub use raw::RawRow;
pub use report::{BadRow, Report};
pub use scratch::Scratch;

use eventsource::{NewEvent, StreamId};

/// Another library's events table.
pub trait Source: Send + Sync {
    /// A query with the columns of [`RawRow`], in the order in which events are to be
    /// written. The rows of a stream must come in the order of their versions.
    fn query(&self) -> String;

    /// What a row says, as an event.
    ///
    /// # Errors
    /// Why it cannot be one.
    fn event(&self, row: &RawRow) -> anyhow::Result<(StreamId, NewEvent)>;
}
