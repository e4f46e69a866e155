//! Trying until it works, is fenced, cannot heal, or is to stop.

use std::{future::Future, time::Duration};

use es_core::{Error, ErrorKind, Result, with_causes};
use tokio::time::{Instant, timeout};
use tracing::warn;

use super::{
    RelayState,
    worker::{Term, Worker},
};

/// Why a relay does not go on.
pub(super) enum End {
    /// It was asked to stop.
    Asked,
    /// Another relay has taken over.
    Fenced(Error),
    /// A transport has lost something: open it again.
    Reopen,
    /// Something that cannot heal.
    Failed(Error),
}

pub(super) type Flow<T> = std::result::Result<T, End>;

impl Worker {
    /// Tries until it succeeds or there is no point in trying.
    pub(super) async fn persist<T, F>(&mut self, what: &str, mut call: impl FnMut() -> F) -> Flow<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut attempt = 0;
        loop {
            match call().await {
                Ok(value) => {
                    if attempt > 0 {
                        self.state(RelayState::Active);
                    }
                    return Ok(value);
                }
                Err(error) => {
                    attempt += 1;
                    self.wait_out(what, error, attempt).await?;
                }
            }
        }
    }

    /// Waits before the next attempt at what failed with `error`, if there is to be one.
    async fn wait_out(&mut self, what: &str, error: Error, attempt: u32) -> Flow<()> {
        let pause = self.noted(what, error, attempt)?;
        self.rest(pause).await
    }

    /// The same, saying meanwhile that it is alive; and asking what was consumed, because that
    /// may be what makes room.
    pub(super) async fn wait_out_alive(
        &mut self,
        term: &mut Term,
        what: &str,
        error: Error,
        attempt: u32,
    ) -> Flow<()> {
        let now = Instant::now();
        let pause = self.noted(what, error, attempt)?;
        let until = now.checked_add(pause).unwrap_or(now);
        loop {
            let now = Instant::now();
            let due = self.due(term);
            if due <= now {
                self.sign_of_life(term).await?;
            }
            if until <= now {
                return Ok(());
            }
            self.rest(until.min(self.due(term)).saturating_duration_since(now)).await?;
        }
    }

    /// Notes a failure, and says how long to wait before the next attempt.
    fn noted(&self, what: &str, error: Error, attempt: u32) -> Flow<Duration> {
        let cause = with_causes(&error);
        match error.kind() {
            ErrorKind::Fenced => return Err(End::Fenced(error)),
            _ if heals(&error) => {}
            _ => return Err(End::Failed(error)),
        }
        warn!(relay = %self.name, attempt, cause, "{what} failed; trying again");
        self.status.send_modify(|status| {
            status.state = RelayState::Retrying;
            status.retries += 1;
            status.last_error = Some(cause);
        });
        Ok(self.timing.pause(attempt))
    }

    /// Waits, unless it is to stop.
    pub(super) async fn rest(&mut self, pause: Duration) -> Flow<()> {
        match timeout(pause, self.stop.wait_for(|stop| *stop)).await {
            Ok(_) => Err(End::Asked),
            Err(_) => Ok(()),
        }
    }

    pub(super) fn state(&self, state: RelayState) {
        self.status.send_modify(|status| status.state = state);
    }
}

/// Whether what failed so may succeed later, with nobody changing the program.
fn heals(error: &Error) -> bool {
    error.is_temporary() || matches!(error.kind(), ErrorKind::Fault | ErrorKind::OutcomeUnknown)
}
