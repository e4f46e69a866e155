//! The verdict: is somebody at work, and does the work get on.

use std::time::{Duration, Instant};

use es_core::Health;

use super::{Lag, State};
use crate::board::View;

/// Whether a subscriber is well, by what its worker shows and the log says.
pub(crate) fn health_of(
    view: &View,
    lag: Result<Lag, &str>,
    feed: Option<&str>,
    stuck_after: Duration,
    now: Instant,
) -> Health {
    let cause = view.trouble.as_ref().map_or("", |trouble| &trouble.message);
    let lag = match (view.state, lag) {
        (State::Stopped, _) => return Health::Unhealthy("nobody works on it".to_owned()),
        (state @ (State::Fenced | State::Failed), _) => {
            return Health::Unhealthy(format!("{state}: {cause}"));
        }
        (_, Err(error)) => {
            return Health::Unhealthy(format!("the log cannot be asked: {error}"));
        }
        (_, Ok(lag)) => lag,
    };
    if view.state == State::Paused {
        return Health::Degraded("it is paused".to_owned());
    }
    let still = now.saturating_duration_since(view.moved_at);
    // The age of an event tells since when it waits, as long as nobody has set a clock.
    let waited = view.behind_since.map(|since| now.saturating_duration_since(since));
    let waits = lag.time.max(waited.unwrap_or_default());
    if !lag.time.is_zero() && waits > stuck_after && still > stuck_after {
        let seconds = still.as_secs();
        let text = format!("stuck at {} for {seconds} seconds", view.position);
        let cause = if view.is_retrying { cause } else { feed.unwrap_or("") };
        let colon = if cause.is_empty() { "" } else { ": " };
        return Health::Unhealthy(format!("{text}{colon}{cause}"));
    }
    if view.is_retrying {
        return Health::Degraded(format!("trying again: {cause}"));
    }
    if let Some(feed) = feed {
        return Health::Degraded(format!("the log is not read: {feed}"));
    }
    health_of_parked(view.parked_count(), view.parked.len() as u64)
}

/// That of one about which there is nothing else to say.
pub(super) fn health_of_parked(parked: u64, streams: u64) -> Health {
    match parked {
        0 => Health::Healthy,
        _ => Health::Degraded(format!("{parked} events of {streams} streams parked")),
    }
}

#[cfg(test)]
mod tests;
