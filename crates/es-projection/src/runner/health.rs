//! Whether a runner is alive and ready, for an HTTP endpoint.

use std::time::Duration;

use es_core::{Check, Error, Health, HealthReport, Result, with_causes};
use tokio::time::timeout_at;

use super::{Running, seat::Seat};
use crate::{State, Status, wait::moment_in};

impl Running {
    /// Looks at the log and at all subscribers, and says whether the process is alive and
    /// whether it is ready (P4). What does not answer `within` that time is unhealthy.
    ///
    /// A subscriber that has failed, or whose task has ended by itself, is dead: only a new
    /// start, or [`Running::resume`], brings it back. One that is stuck or fenced is not
    /// ready, and not dead: a new start would not mend a database, and would fence whoever
    /// has taken over.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use es_core::Store;
    /// # use es_projection::Runner;
    /// # use es_store_memory::MemoryStore;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let running = Runner::new(Store::new(MemoryStore::new())).start()?;
    /// let report = running.health(Duration::from_secs(1)).await;
    /// assert!(report.is_live() && report.is_ready());
    /// let (status, body) = (report.status(), serde_json::to_string(&report)?);
    /// # assert_eq!(status, 200);
    /// # assert!(body.starts_with(r#"{"live":true,"ready":true"#));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn health(&self, within: Duration) -> HealthReport {
        let deadline = moment_in(within);
        let late = || Error::new(es_core::ErrorKind::Unavailable, "it did not answer in time");
        let head = timeout_at(deadline, self.around.store.head()).await;
        let head = head.unwrap_or_else(|_| Err(late()));
        let mut checks = vec![Self::check_of_log(head.as_ref().map(|head| head.position))];
        for seat in &self.seats {
            let report = self.around.report(&seat.job, head.as_ref());
            let status = match timeout_at(deadline, report).await {
                Ok(status) => status,
                // What it shows by itself is at hand, whatever the log does.
                Err(_) => self.around.at_hand(&seat.job, &late()),
            };
            checks.push(check_of(seat, status));
        }
        HealthReport::new(checks)
    }

    fn check_of_log(head: Result<es_core::Position, &Error>) -> Check {
        let health = match head {
            Ok(_) => Health::Healthy,
            Err(error) => Health::Unhealthy(with_causes(error)),
        };
        let mut check = Check::new("log", health);
        check.position = head.ok();
        check
    }
}

fn check_of(seat: &Seat, status: Status) -> Check {
    let mut check = Check::new(status.subscriber.to_string(), status.health);
    check.is_dead = status.state == State::Failed;
    if seat.is_gone() && !status.state.is_over() {
        // It shows what it did last, and nobody is there to change that.
        check.health = Health::Unhealthy(format!("its task has ended while {}", status.state));
        check.is_dead = true;
    }
    check.position = Some(status.position);
    check.lag = status.lag.map(|lag| lag.events);
    check.lag_time = status.lag.map(|lag| lag.time);
    check.parked = Some(status.parked);
    check
}
