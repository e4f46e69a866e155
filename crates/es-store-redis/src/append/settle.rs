//! From a request to its receipt, whatever becomes of replies on the way.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use es_core::{
    AppendRequest, ConditionFailed, Diverged, Error, ErrorKind, ExpectedVersion, Head, Position,
    Read, Receipt, Result,
};
use es_redis::{ErrorKind as RedisErrorKind, Script};
use futures_util::TryStreamExt;

use super::{answer::Answer, call::Call, repeat};
use crate::{
    error::{from_redis, may_pass},
    read::{Source, pages},
};

/// For how long the rights of the user count as known. To look at them costs a few
/// microseconds, which is much for a script that runs as often as the server can.
const RIGHTS: Duration = Duration::from_secs(1);

/// What appends need.
pub(crate) struct Appender {
    pub(crate) source: Arc<Source>,
    pub(crate) script: Script,
    pub(crate) command_timeout: Duration,
    /// When an append that was written has looked at the rights of the user.
    rights: Mutex<Option<Instant>>,
}

impl Appender {
    pub(crate) fn new(source: Arc<Source>, command_timeout: Duration) -> Self {
        let (script, rights) = (Script::new(include_str!("append.lua")), Mutex::new(None));
        Self { source, script, command_timeout, rights }
    }

    /// When an append begins that has to look at the rights of the user.
    fn looks_at_rights(&self) -> Option<Instant> {
        let now = Instant::now();
        let known = *self.rights.lock().unwrap_or_else(PoisonError::into_inner);
        known.is_none_or(|known| now.saturating_duration_since(known) >= RIGHTS).then_some(now)
    }

    fn has_rights(&self, at: Instant) {
        *self.rights.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// Appends, and finds out by the ids of the events what became of lost replies.
    ///
    /// Sending the script again is safe, because it knows the ids of what it wrote. One
    /// answer can be wrong after a loss: the first sending may still be on its way on a
    /// connection that is given up, so a refusal that it could yet belie is not believed.
    pub(crate) async fn append(&self, request: AppendRequest, until: Instant) -> Result<Receipt> {
        let log = self.source.log;
        let mut call = Call::new(&self.source.keys, &request)?;
        let (mut lost, mut tries) = (None, 0);
        loop {
            let time = until.saturating_duration_since(Instant::now());
            if time.is_zero() {
                return Err(lost.map_or_else(too_late, unknown));
            }
            let (seen, anchor) = (self.source.seen(), self.source.anchor());
            let rights = self.looks_at_rights();
            let command = call.command(&self.script, &self.source, seen, anchor, rights.is_some());
            let time = time.min(self.command_timeout);
            let error = match self.source.redis.command_within(command, time).await {
                Ok(reply) => match Answer::of(reply, &request, log) {
                    Ok(Answer::Written(receipt)) => {
                        let last = request.events().last().map(|(_, event)| event.id);
                        self.source.wrote(last, receipt.last);
                        if let Some(at) = rights {
                            self.has_rights(at);
                        }
                        return Ok(receipt);
                    }
                    Ok(Answer::Known(event, position)) => {
                        let look = repeat::answer(&self.source, log, &request, event, position);
                        match tokio::time::timeout_at(until.into(), look).await {
                            // The append is there; only its receipt is not to be had now.
                            Ok(Err(error)) if error.is_temporary() => {
                                lost = Some(error);
                                pause(tries, until).await;
                                tries += 1;
                                continue;
                            }
                            Ok(answer) => return answer,
                            Err(_) => return Err(unknown(too_late())),
                        }
                    }
                    Ok(Answer::Look(head)) => {
                        self.look(&request, &mut call, head, until).await?;
                        continue;
                    }
                    Ok(Answer::Refused(refusal)) => {
                        return Err(match lost {
                            Some(error) if may_be_belied(&refusal) => unknown(error),
                            _ => refusal,
                        });
                    }
                    Ok(Answer::Back(position)) => {
                        let head = Head::new(log, position);
                        return Err(Diverged::RolledBack { reader: seen, head }.into());
                    }
                    Ok(Answer::Other) => return Err(crate::read::rewritten(anchor)),
                    Err(error) => return Err(unknown(error)),
                },
                Err(error) => error,
            };
            match error.kind() {
                RedisErrorKind::Lost => {
                    tracing::warn!(error = %error, "lost a reply of Redis");
                    lost = Some(from_redis(error));
                }
                // Nothing was written now, which says nothing of what was sent before.
                _ if lost.is_some() && error.is_temporary() => {}
                _ if may_pass(&error) => {
                    if Instant::now() + pause_of(tries) >= until {
                        return Err(from_redis(error));
                    }
                }
                _ => return Err(lost.map_or_else(|| from_redis(error), unknown)),
            }
            pause(tries, until).await;
            tries += 1;
        }
    }

    /// Looks for what the conditions exclude, up to where the log ends now.
    async fn look(
        &self,
        request: &AppendRequest,
        call: &mut Call,
        head: Position,
        until: Instant,
    ) -> Result<()> {
        for unless in request.unless() {
            let read = Read::all().matching(unless.query.clone()).after(unless.after).until(head);
            let read = match request.tenant() {
                Some(tenant) => read.tenant(tenant.clone()),
                None => read,
            };
            let found = pages(Arc::clone(&self.source), read.backward().limit(1));
            let found = tokio::time::timeout_at(until.into(), found.try_concat()).await;
            let found = found.map_err(|_| too_late())??;
            if let Some(event) = found.first() {
                let (query, after) = (unless.query.clone(), unless.after);
                return Err(ConditionFailed::new(query, after, event.position).into());
            }
        }
        call.looked_up_to(head);
        Ok(())
    }
}

/// Whether an append that is still on its way could show that this refusal was early: a
/// stream may yet grow to what was expected.
fn may_be_belied(refusal: &Error) -> bool {
    refusal.conflict().is_some_and(|conflict| match conflict.expected {
        ExpectedVersion::Exists => true,
        ExpectedVersion::Exact(expected) => conflict.actual.is_none_or(|actual| actual < expected),
        _ => false,
    })
}

pub(crate) fn too_late() -> Error {
    Error::new(ErrorKind::Busy, "the deadline of the append is over: nothing was written")
}

fn unknown(source: Error) -> Error {
    let message = "the reply of Redis was lost, and what it did could not be found out in time: \
                   append the same events again to settle it";
    Error::new(ErrorKind::OutcomeUnknown, message).with_source(source)
}

fn pause_of(tries: u32) -> Duration {
    Duration::from_millis(10 << tries.min(5))
}

/// Waits before another try: longer each time, and never in step with others.
async fn pause(tries: u32, until: Instant) {
    let time = pause_of(tries).mul_f64(0.5 + fastrand::f64() / 2.0);
    tokio::time::sleep_until(until.min(Instant::now() + time).into()).await;
}
