//! How long an append may take.

use std::time::{Duration, Instant};

use es_core::{AppendRequest, Error, ErrorKind, Result};

/// When an append began and how long it may take, if that is limited.
pub(super) struct Deadline(Option<(Instant, Duration)>);

impl Deadline {
    /// Begins now.
    pub(super) fn of(request: &AppendRequest) -> Self {
        Self(request.deadline().map(|within| (Instant::now(), within)))
    }

    /// Fails once the time is over. Not to be asked when something was written.
    pub(super) fn check(&self) -> Result<()> {
        match self.0 {
            Some((begin, within)) if begin.elapsed() >= within => Err(Error::new(
                ErrorKind::Busy,
                "the deadline of the append is over: nothing was written",
            )),
            _ => Ok(()),
        }
    }
}
