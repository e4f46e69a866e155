//! A page that is planned: it is known where its events lie, and they are not fetched yet.
//!
//! To plan needs little of the server, and to fetch needs nothing of what was fetched before,
//! so that later pages can be asked for while earlier ones are on their way.

use es_core::{Direction, ErrorKind, Position, Result};

use super::{
    item::Item,
    lists,
    page::event,
    runs::{Run, in_order},
    source::Source,
    stream,
};

/// What a page is made of.
pub(super) enum Plan {
    /// Runs of streams, all of which are there, in the order of the log or the opposite one.
    Runs(Vec<Run>, Direction),
    /// The events at some positions, which are all there.
    Positions(Vec<Position>, Direction),
    /// The next events of a stream, which may end before that; at this position the read does.
    Next(Run, Position),
    /// The last events of a stream that are still to be read, from the last one.
    Before(Run),
    /// One event.
    Event(Position),
}

/// A page that is planned.
pub(super) struct Planned {
    pub(super) plan: Plan,
    /// How many events it has at most.
    pub(super) events: u64,
    /// Whether there may be another one behind it.
    pub(super) is_more: bool,
}

impl Plan {
    /// A page without events.
    pub(super) const fn nothing() -> Self {
        Self::Runs(Vec::new(), Direction::Forward)
    }

    /// Whether it is what follows the first `events` of a stream.
    pub(super) const fn is_behind(&self, events: u64) -> bool {
        matches!(self, Self::Next(run, _) if run.version == events + 1)
    }

    /// The events, and whether they turned out to be the last ones.
    pub(super) async fn fetch<T: Item>(self, source: &Source) -> Result<(Vec<T>, bool)> {
        match self {
            Self::Runs(runs, direction) => {
                let page = source.runs(&runs).await?;
                Ok((in_order(page, direction), false))
            }
            Self::Positions(positions, direction) => {
                Ok((lists::fetch(source, positions, direction).await?, false))
            }
            Self::Next(run, until) => {
                let wanted = run.count;
                let (page, head) = stream::listed(source, run).await?;
                source.is_ours(head)?;
                let is_over = is_end(&page, wanted, until);
                Ok((page, is_over))
            }
            Self::Before(run) => {
                let mut page = source.runs(&[run]).await?;
                page.reverse();
                Ok((page, false))
            }
            Self::Event(position) => Ok((event(source, position).await?, true)),
        }
    }
}

/// Whether a page of a stream is its last one, of which so many events were wanted.
pub(super) fn is_end(page: &[impl Item], wanted: u64, until: Position) -> bool {
    let is_at_the_end = page.last().is_none_or(|last| last.seen().position >= until);
    is_at_the_end || (page.len() as u64) < wanted
}

/// What makes no sense in this log makes some if another one is there, or none.
pub(super) async fn judged<T>(source: &Source, found: Result<T>) -> Result<T> {
    if found.as_ref().is_err_and(|error| error.kind() == ErrorKind::Fault) {
        source.check().await?;
    }
    found
}
