//! The verdict: is somebody at work, and does the work get on.

use std::{
    fmt,
    time::{Duration, Instant},
};

use super::{Lag, State};
use crate::board::View;

/// Whether a subscriber is well.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// Somebody works, and the work gets on.
    Healthy,
    /// The work gets on, but somebody should look.
    Degraded(String),
    /// Nobody works, or the work does not get on, or nobody knows.
    Unhealthy(String),
}

impl Health {
    /// Whether it is red: dead, stuck, or blind.
    #[must_use]
    pub const fn is_unhealthy(&self) -> bool {
        matches!(self, Self::Unhealthy(_))
    }

    pub(crate) fn of(
        view: &View,
        lag: Result<Lag, &str>,
        feed: Option<&str>,
        stuck_after: Duration,
        now: Instant,
    ) -> Self {
        let cause = view.trouble.as_ref().map_or("", |trouble| &trouble.message);
        let lag = match (view.state, lag) {
            (State::Stopped, _) => return Self::Unhealthy("nobody works on it".to_owned()),
            (state @ (State::Fenced | State::Failed), _) => {
                return Self::Unhealthy(format!("{state}: {cause}"));
            }
            (_, Err(error)) => {
                return Self::Unhealthy(format!("the log cannot be asked: {error}"));
            }
            (_, Ok(lag)) => lag,
        };
        if view.state == State::Paused {
            return Self::Degraded("it is paused".to_owned());
        }
        let still = now.saturating_duration_since(view.moved_at);
        if lag.time > stuck_after && still > stuck_after {
            let seconds = still.as_secs();
            let text = format!("stuck at {} for {seconds} seconds", view.position);
            let cause = if view.is_retrying { cause } else { feed.unwrap_or("") };
            let colon = if cause.is_empty() { "" } else { ": " };
            return Self::Unhealthy(format!("{text}{colon}{cause}"));
        }
        if view.is_retrying {
            return Self::Degraded(format!("trying again: {cause}"));
        }
        if let Some(feed) = feed {
            return Self::Degraded(format!("the log is not read: {feed}"));
        }
        Self::of_parked(view.parked_count(), view.parked.len() as u64)
    }

    /// That of one about which there is nothing else to say.
    pub(super) fn of_parked(parked: u64, streams: u64) -> Self {
        match parked {
            0 => Self::Healthy,
            _ => Self::Degraded(format!("{parked} events of {streams} streams parked")),
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Healthy => f.write_str("healthy"),
            Self::Degraded(why) => write!(f, "degraded: {why}"),
            Self::Unhealthy(why) => write!(f, "unhealthy: {why}"),
        }
    }
}
