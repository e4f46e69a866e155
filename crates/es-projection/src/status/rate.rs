//! How many events are handled in a second.

use std::time::{Duration, Instant};

/// Over how long a time it is counted.
const SPAN: Duration = Duration::from_secs(1);

/// After how many spans without an event the old rate means nothing.
const STALE: u32 = 5;

/// Counts events over spans of a second.
#[derive(Clone, Debug)]
pub(crate) struct Rate {
    begun: Instant,
    count: u64,
    last: Option<f64>,
}

impl Rate {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { begun: now, count: 0, last: None }
    }

    pub(crate) fn add(&mut self, events: u64, now: Instant) {
        let past = now.saturating_duration_since(self.begun);
        if past >= SPAN {
            // Events that came after a long silence are not spread over the silence.
            self.last = (past < SPAN * STALE).then(|| per_second(self.count, past));
            (self.begun, self.count) = (now, 0);
        }
        self.count += events;
    }

    /// Events in a second.
    pub(crate) fn at(&self, now: Instant) -> f64 {
        let past = now.saturating_duration_since(self.begun);
        match self.last {
            Some(last) if past < SPAN => last,
            // A count over next to no time would be any number.
            _ => per_second(self.count, past.max(SPAN / 10)),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate is read by people")]
fn per_second(count: u64, past: Duration) -> f64 {
    count as f64 / past.as_secs_f64()
}

#[cfg(test)]
mod tests {
    //! The rate over spans, in silence and after it.

    use super::*;

    #[test]
    fn it_is_counted_over_the_last_second_and_falls_when_nothing_comes() {
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        let mut rate = Rate::new(start);
        assert!(rate.at(at(0)) < 0.1);
        for tenth in 1..=10 {
            rate.add(20, at(tenth * 100));
        }
        rate.add(20, at(1_100));
        assert!((rate.at(at(1_200)) - 180.0).abs() < 1.0, "{}", rate.at(at(1_200)));
        assert!(rate.at(at(60_000)) < 1.0, "silence");
        rate.add(50, at(60_000));
        assert!(rate.at(at(60_100)) > 400.0, "after the silence");
    }
}
