//! One message and the worker that has it: one attempt, and what comes of it.

use std::sync::Arc;

use es_core::{DeadLetter, Outcome, Recorded, Result, Timestamp};
use tracing::{Instrument, warn};

use crate::{
    handler::{Failed, begin, with_causes},
    redis::{
        consumer::{Judged, Shared},
        letters::{fields_of, unknown},
        message::{Entry, FIRST, TRIES, note, part_of},
        script::{AGAIN, DEAD},
    },
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
}

impl Message {
    pub(super) const fn new(
        shared: Arc<Shared>,
        source: String,
        is_retry: bool,
        entry: Entry,
    ) -> Self {
        Self { shared, source, is_retry, entry }
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
        let Err(failed) = self.attempt(event, made).await else {
            shared.change(|status| status.handled += 1);
            return Ok(Done::Handled(name));
        };
        let first = self.entry.number(FIRST).map_or_else(Timestamp::now, Timestamp::from_micros);
        let cause = with_causes(&*failed.error);
        if self.is_last(&failed, made) {
            let letter = crate::attempts::waiting(&shared.group, event);
            let mut letter = letter.failed(cause, made);
            letter.first_failed_at = first;
            return self.bury(&name, &letter).await;
        }
        warn!(group = %shared.group, event = %event.id, attempts = made, cause, "a handler failed; trying again");
        shared.change(|status| status.retries += 1);
        let pause = u64::try_from(shared.retry.pause(made).as_millis()).unwrap_or(u64::MAX);
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
    async fn attempt(&self, event: &Recorded, made: u32) -> Result<(), Failed> {
        let processing =
            self.shared.processing(event, self.entry.is_history()).begun_at_attempt(made);
        let span = processing.span.clone();
        let answer =
            async { begin(&*self.shared.handler, event).done().await }.instrument(span).await;
        let (outcome, is_retried) = match &answer {
            Ok(()) => (Outcome::Ok, false),
            Err(failed) if self.is_last(failed, made) => (Outcome::Error, false),
            Err(_) => (Outcome::Abandoned, true),
        };
        processing.end_one(outcome, is_retried);
        answer
    }

    fn is_last(&self, failed: &Failed, made: u32) -> bool {
        failed.is_undecodable || !self.shared.retry.goes_on(&*failed.error, made)
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
