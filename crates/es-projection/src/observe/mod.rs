//! What subscribers tell of their work: a span for what was taken at once, observations, and
//! values that are kept up to date by a task of the runner.

mod gauges;
mod work;

pub(crate) use gauges::Watch;
pub(crate) use work::Watched;

/// What a failed attempt was at: the handler with its rows.
pub(crate) const HANDLER: &str = "handler";
/// What a failed attempt was at: everything around the handler.
pub(crate) const PROGRESS: &str = "progress";
