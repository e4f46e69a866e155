//! One message and the worker that has it: one attempt, and what comes of it.

use std::{sync::Arc, time::Duration};

use es_core::{DeadLetter, Outcome, Recorded, Result, Timestamp, with_causes};
use tokio::{sync::watch, time::timeout};
use tracing::{Instrument, warn};

use crate::{
    handler::{Failed, begin},
    redis::{
        consumer::{Judged, Shared},
        letters::{fields_of, unknown},
        message::{Entry, FIRST, TRIES, note, part_of},
        script::{AGAIN, DEAD},
    },
    retry::Next,
};

/// What came of a message.
pub(super) enum Done {
    /// It is to be acknowledged; with the name under which it is held if it was tried again.
    Handled(String),
    /// It waits for another attempt, and is acknowledged where it was.
    Waits,
    /// It is a dead letter: there is nothing left to do.
    Settled,
    /// Something failed: it comes again by itself.
    Unsettled,
}

pub(super) struct Message {
    shared: Arc<Shared>,
    source: String,
    is_retry: bool,
    entry: Entry,
    stop: watch::Receiver<bool>,
}

/// How an attempt ended that was not a success.
enum Ended {
    Failed(Failed),
    /// It was to stop while something was out of reach: the attempt does not count.
    Interrupted,
}

impl Message {
    pub(super) const fn new(
        shared: Arc<Shared>,
        source: String,
        is_retry: bool,
        entry: Entry,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self { shared, source, is_retry, entry, stop }
    }

    pub(super) async fn handle(self) -> Done {
        let shared = &self.shared;
        let done = match self.entry.event() {
            Ok(event) => self.event(&event).await,
            Err(error) => Err(error),
        };
        match done {
            Ok(done) => done,
            // It stays pending, and comes again when its lease has lapsed.
            Err(error) => {
                shared.trouble("settling a message", &error);
                Done::Unsettled
            }
        }
    }

    async fn event(&self, event: &Recorded) -> Result<Done> {
        let shared = &self.shared;
        let name = format!("{}.{}", event.id, part_of(event));
        match shared.judge(event) {
            Judged::PassOver => {
                shared.change(|status| status.passed_over += 1);
                return Ok(Done::Handled(name));
            }
            Judged::Unknown(cause) => {
                return self.bury(&name, &unknown(&shared.group, event, &cause)).await;
            }
            Judged::Handle => {}
        }
        let made = self.entry.number(TRIES).unwrap_or_default();
        let made = u32::try_from(made).unwrap_or(0).saturating_add(1);
        let first = self.entry.number(FIRST).map_or_else(Timestamp::now, Timestamp::from_micros);
        let failed = match self.attempt(event, made).await {
            Ok(()) => {
                shared.change(|status| status.handled += 1);
                return Ok(Done::Handled(name));
            }
            Err(Ended::Interrupted) => {
                return self.put_aside(event, name, made - 1, first, Duration::ZERO).await;
            }
            Err(Ended::Failed(failed)) => failed,
        };
        let cause = with_causes(&*failed.error);
        if self.next(&failed, made) == Next::GiveUp {
            let letter = crate::attempts::waiting(&shared.group, event);
            let mut letter = letter.failed(cause, made);
            letter.first_failed_at = first;
            return self.bury(&name, &letter).await;
        }
        warn!(group = %shared.group, event = %event.id, attempts = made, cause, "a handler failed; trying again");
        shared.retried(None);
        self.put_aside(event, name, made, first, shared.retry.pause(made)).await
    }

    /// Has the message wait for another attempt, here or elsewhere.
    async fn put_aside(
        &self,
        event: &Recorded,
        name: String,
        made: u32,
        first: Timestamp,
        pause: Duration,
    ) -> Result<Done> {
        let shared = &self.shared;
        let pause = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let keys = &shared.keys;
        let command = AGAIN.on([&self.source, &keys.waiting, &keys.bodies, &keys.held]);
        let mut command = command
            .arg(shared.group.to_string())
            .arg(shared.name.clone())
            .arg(&self.entry.id)
            // More than a year is not told apart from for ever, and stays exact in a script.
            .arg(pause.min(365 * 86_400_000))
            .arg(u32::from(self.is_retry))
            .arg(name)
            .arg(event.position.get());
        let mut fields = self.entry.plain();
        fields.push(note(TRIES, made));
        fields.push(note(FIRST, first.as_micros()));
        for (field, value) in fields {
            command = command.arg(field).arg(value);
        }
        shared.topic.inner.run(command).await?;
        Ok(Done::Waits)
    }

    /// Calls the handler, for the time of this number, and tells of it. Each attempt is a
    /// message of its own, perhaps in another process: one that is followed by another ends as
    /// abandoned and counts as a retry.
    ///
    /// An outage is waited out here, with the message in hand: put aside, all messages would end
    /// up there, one after the other.
    async fn attempt(&self, event: &Recorded, made: u32) -> Result<(), Ended> {
        let shared = &self.shared;
        let processing = shared.processing(event, self.entry.is_history()).begun_at_attempt(made);
        let span = processing.span.clone();
        let (mut stop, mut spoilt) = (self.stop.clone(), 0_u32);
        let answer = loop {
            let calling = async { begin(&*shared.handler, event).done().await };
            let answer = calling.instrument(span.clone()).await;
            let Err(failed) = &answer else { break answer };
            if self.next(failed, made) != Next::Outage {
                break answer;
            }
            spoilt = spoilt.saturating_add(1);
            let cause = with_causes(&*failed.error);
            warn!(group = %shared.group, event = %event.id, spoilt, cause,
                "what a handler needs is out of reach; trying again");
            processing.retried();
            shared.retried(Some(&cause));
            // A sender that is gone has nothing more to say than that it is over.
            let pause = timeout(shared.retry.pause(spoilt), stop.wait_for(|stop| *stop));
            if pause.await.is_ok() {
                processing.end(Outcome::Abandoned);
                return Err(Ended::Interrupted);
            }
        };
        if spoilt > 0 {
            shared.in_reach();
        }
        let (outcome, is_retried) = match &answer {
            Ok(()) => (Outcome::Ok, false),
            Err(failed) if self.next(failed, made) == Next::GiveUp => (Outcome::Error, false),
            Err(_) => (Outcome::Abandoned, true),
        };
        processing.end_one(outcome, is_retried);
        answer.map_err(Ended::Failed)
    }

    fn next(&self, failed: &Failed, made: u32) -> Next {
        match failed.is_undecodable {
            true => Next::GiveUp,
            false => self.shared.retry.next(&*failed.error, made, true),
        }
    }

    async fn bury(&self, name: &str, letter: &DeadLetter) -> Result<Done> {
        bury(&self.shared, &self.source, self.is_retry, &self.entry, name, letter).await?;
        Ok(Done::Settled)
    }
}

/// Makes a message a dead letter and acknowledges it, as one.
pub(super) async fn bury(
    shared: &Shared,
    source: &String,
    is_retry: bool,
    entry: &Entry,
    name: &str,
    letter: &DeadLetter,
) -> Result<()> {
    warn!(group = %shared.group, event = %letter.event, stream = %letter.stream,
        attempts = letter.attempts, cause = letter.cause, "an event is a dead letter");
    let command = DEAD.on([source, &shared.keys.letters, &shared.keys.held]);
    let mut command = command
        .arg(shared.group.to_string())
        .arg(shared.name.clone())
        .arg(&entry.id)
        .arg(u32::from(is_retry))
        .arg(name.to_owned());
    for (field, value) in fields_of(entry.plain(), letter, 0) {
        command = command.arg(field).arg(value);
    }
    let answer = shared.topic.inner.run(command).await?;
    if answer.word == "ok" {
        shared.dead_letter();
    }
    Ok(())
}
