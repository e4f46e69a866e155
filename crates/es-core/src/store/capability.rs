//! What a store can do beyond the least that the contract asks of every store.

use crate::{AppendRequest, Error, ErrorKind, Read, Result};

/// What a store can do beyond the least that the contract asks of every store.
///
/// Few on purpose: each flag is a case that callers must think of. Contract cases are
/// chosen by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// One append may write several streams and make demands on others.
    pub multi_stream: bool,
    /// Appends may carry `unless` conditions.
    pub conditions: bool,
    /// Reads may be bounded by the time of recording.
    pub time_bounds: bool,
    /// Several processes may use the same log at once.
    pub shared: bool,
}

impl Capabilities {
    /// Everything.
    pub const ALL: Self =
        Self { multi_stream: true, conditions: true, time_bounds: true, shared: true };

    /// The least that the contract asks for: appends to one stream, all reads but those by
    /// time.
    pub const LEAST: Self =
        Self { multi_stream: false, conditions: false, time_bounds: false, shared: false };

    /// The same with several streams in one append, or without.
    #[must_use]
    pub const fn with_multi_stream(mut self, can: bool) -> Self {
        self.multi_stream = can;
        self
    }

    /// The same with `unless` conditions, or without.
    #[must_use]
    pub const fn with_conditions(mut self, can: bool) -> Self {
        self.conditions = can;
        self
    }

    /// The same with reads by time, or without.
    #[must_use]
    pub const fn with_time_bounds(mut self, can: bool) -> Self {
        self.time_bounds = can;
        self
    }

    /// The same with several processes on one log, or without.
    #[must_use]
    pub const fn with_shared(mut self, can: bool) -> Self {
        self.shared = can;
        self
    }

    pub(crate) fn check_append(self, request: &AppendRequest) -> Result<()> {
        if !self.multi_stream && request.streams().len() + request.required().len() > 1 {
            return Err(unsupported("several streams in one append"));
        }
        if !self.conditions && !request.unless().is_empty() {
            return Err(unsupported("`unless` conditions"));
        }
        Ok(())
    }

    pub(crate) fn check_read(self, read: &Read) -> Result<()> {
        let by_time = read.recorded_since.is_some() || read.recorded_until.is_some();
        if by_time && !self.time_bounds { Err(unsupported("reads by time")) } else { Ok(()) }
    }
}

fn unsupported(what: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("this store cannot do {what}"))
}
