//! What a competing consumer does now and then: show that it lives, take over from the dead,
//! set going what waited, sweep.

use std::time::Duration;

use es_core::Result;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::{Consumer, message::bury};
use crate::{
    Exhausted,
    redis::{
        message::{Entry, part_of},
        script::{BEAT, DUE, RECOVER, SWEEP, failed},
    },
};

/// How many messages that waited are set going at once.
const DUE_AT_ONCE: usize = 100;

impl Consumer {
    pub(super) async fn upkeep(&mut self) -> Result<()> {
        self.beat().await?;
        // It is asked for anyhow, and tells how long nothing was heard.
        self.put_due().await?;
        if self.patient_until <= Instant::now() {
            for source in 0..self.sources.len() {
                if self.free() == 0 {
                    break;
                }
                self.take_over(source).await?;
            }
        }
        let every = self.shared.lease.saturating_mul(10);
        if self.swept_at.elapsed() >= every {
            self.swept_at = Instant::now();
            self.sweep(every).await?;
        }
        Ok(())
    }

    /// Notes that the server has answered.
    ///
    /// *Hazard.* After an outage that was longer than a lease everybody looks dead, and whoever
    /// is back first would take over what the others have in hand.
    /// *Mechanism.* Whoever has heard nothing for long takes nothing over for a lease, in which
    /// the living say so. *Cost.* What the dead held comes that much later.
    pub(super) fn heard(&mut self) {
        let now = Instant::now();
        if now.saturating_duration_since(self.heard_at) > self.shared.lease / 2 {
            self.patient_until = now.checked_add(self.shared.lease).unwrap_or(now);
        }
        self.heard_at = now;
    }

    /// Says that what is in hand is being worked on, and what is done is not to be taken over.
    pub(super) async fn beat(&mut self) -> Result<()> {
        for at in 0..self.sources.len() {
            let in_hand = self.in_hand.keys().filter(|(of, _)| *of == at).map(|(_, id)| id.clone());
            let done = self.done.get(&at).into_iter().flatten().map(|(id, _)| id.clone());
            let ids: Vec<String> = in_hand.chain(done).collect();
            if !ids.is_empty() {
                self.say(at, ids, false).await?;
            }
        }
        Ok(())
    }

    async fn say(&mut self, source: usize, ids: Vec<String>, begins: bool) -> Result<()> {
        let Some(key) = self.sources.get(source) else { return Ok(()) };
        let command = BEAT.on([key]).arg(self.shared.group.to_string());
        let command = command.arg(self.shared.name.clone()).arg(u32::from(begins)).args(ids);
        let answer = self.shared.topic.inner.run(command).await?;
        self.heard();
        if answer.word == "ok" { Ok(()) } else { Err(self.group_is_gone()) }
    }

    /// Takes over what has been silent for a lease, as much as there are free workers for.
    async fn take_over(&mut self, source: usize) -> Result<()> {
        let shared = std::sync::Arc::clone(&self.shared);
        let (Some(key), Some(cursor)) = (self.sources.get(source), self.cursors.get(source)) else {
            return Ok(());
        };
        let command = RECOVER.on([key]).arg(shared.group.to_string()).arg(shared.name.clone());
        let command = command.arg(shared.lease_ms()).arg(cursor).arg(self.free());
        let key = key.clone();
        // One that waited for an outage to end would come before the living were heard.
        let mut answer = shared.topic.inner.run_within(command, shared.lease / 2).await?;
        if answer.word != "ok" {
            return Err(self.group_is_gone());
        }
        let next = answer.text()?;
        let list = answer.next()?.array("messages").map_err(failed)?;
        let lost = answer.count()?;
        if let Some(cursor) = self.cursors.get_mut(source) {
            *cursor = next;
        }
        if lost > 0 {
            error!(group = %shared.group, lost, "events were trimmed away before they were handled");
            shared.change(|status| status.lost += lost);
        }
        let (mut begun, mut hopeless) = (Vec::new(), Vec::new());
        for item in list {
            let read = || -> es_redis::Result<(Option<Entry>, u64)> {
                let mut item = item.array("a message")?.into_iter();
                let mut next =
                    || item.next().ok_or_else(|| es_redis::Error::unexpected("a message"));
                Ok((Entry::read(next()?)?, next()?.count("deliveries")?))
            };
            let (entry, deliveries) = read().map_err(failed)?;
            let Some(entry) = entry else { continue };
            if self.has(source, &entry.id) {
                // It was taken over from ourselves.
                continue;
            }
            info!(group = %shared.group, id = entry.id, deliveries, "a message was taken over");
            shared.change(|status| status.recovered += 1);
            let most = u64::from(shared.retry.attempts.max(5));
            if deliveries >= most && shared.retry.exhausted != Exhausted::Block {
                hopeless.push((entry, deliveries));
            } else {
                begun.push(entry);
            }
        }
        if !begun.is_empty() {
            // It counts before it can do harm. Whether that is heard or not, what was taken is
            // begun before anything else can fail: it would lie for a lease.
            let ids = begun.iter().map(|entry| entry.id.clone()).collect();
            let counted = self.say(source, ids, true).await;
            for entry in begun {
                self.begin(source, entry);
            }
            counted?;
        }
        for (entry, deliveries) in hopeless {
            // Whoever handled it never came to say that it failed.
            let event = entry.event()?;
            let cause = "every consumer that took it ended before it was done";
            let attempts = u32::try_from(deliveries).unwrap_or(u32::MAX);
            let letter = crate::attempts::waiting(&shared.group, &event).failed(cause, attempts);
            let name = format!("{}.{}", event.id, part_of(&event));
            bury(&shared, &key, self.is_retry(source), &entry, &name, &letter).await?;
        }
        Ok(())
    }

    /// Sets going what has waited long enough.
    pub(super) async fn put_due(&mut self) -> Result<()> {
        let shared = std::sync::Arc::clone(&self.shared);
        let keys = &shared.keys;
        loop {
            let command = DUE.on([&keys.waiting, &keys.bodies, &keys.retry]).arg(DUE_AT_ONCE);
            let mut answer = shared.topic.inner.run(command).await?;
            self.heard();
            let (put, pause) = (answer.count()?, answer.number()?);
            if usize::try_from(put).is_ok_and(|put| put >= DUE_AT_ONCE) {
                continue;
            }
            // Others put messages aside, too: it is looked again in a second at the latest.
            let pause = u64::try_from(pause).unwrap_or(u64::MAX).min(1_000);
            let now = Instant::now();
            self.due_at = now.checked_add(Duration::from_millis(pause));
            return Ok(());
        }
    }

    async fn sweep(&self, idle: Duration) -> Result<()> {
        let idle = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
        let command = SWEEP.on(self.sources.iter()).arg(self.shared.group.to_string());
        let command = command.arg(self.shared.name.clone()).arg(idle.min(1 << 50));
        let swept = self.shared.topic.inner.run(command).await?.count()?;
        if swept > 0 {
            warn!(group = %self.shared.group, swept, "consumers that are long gone were removed");
        }
        Ok(())
    }
}
