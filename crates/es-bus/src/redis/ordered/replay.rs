//! Dead letters are tried again by the owner of their partition, in order.

use std::collections::HashSet;

use es_core::Result;
use es_redis::Command;
use tracing::info;

use super::partition::{Stop, Worker};
use crate::redis::{
    consumer::Judged,
    letters,
    message::{Entry, PARTITION},
    script::{REPLAYED, SETTLE, failed},
};

impl Worker {
    /// Tries the dead letters of this partition again, as request `number` asks for.
    pub(super) async fn replay(&mut self, number: u64) -> Result<(), Stop> {
        let shared = std::sync::Arc::clone(&self.shared);
        let mut stuck: HashSet<String> = HashSet::new();
        let (mut from, mut handled) = ("-".to_owned(), 0_u64);
        loop {
            let command = Command::new("XRANGE").key(&shared.keys.letters).arg(&from).arg("+");
            let command = command.arg("COUNT").arg(self.letters.size());
            let reply = shared.topic.inner.redis.command(command).await;
            let entries = reply.and_then(Entry::read_all).map_err(failed);
            let entries = entries.inspect_err(|_| self.letters.failed())?;
            self.letters.came(&entries);
            let Some(last) = entries.last() else { break };
            from = format!("({}", last.id);
            let ours = i64::try_from(self.partition).unwrap_or(-1);
            for entry in entries.into_iter().filter(|e| e.number(PARTITION) == Some(ours)) {
                if !stuck.contains(entry.text("stream")?) {
                    handled += u64::from(self.try_again(&entry, &mut stuck).await?);
                }
            }
        }
        let command = REPLAYED.on([&shared.keys.ordered]);
        let command = command.arg(self.partition).arg(self.epoch).arg(number);
        self.answered(shared.topic.inner.run(command).await?)?;
        self.replayed = number;
        self.load_parked().await?;
        info!(group = %shared.group, partition = self.partition, handled, "dead letters were tried again");
        Ok(())
    }

    /// Says whether it was handled. If it was not, and its stream waits, that is stuck.
    async fn try_again(
        &mut self,
        entry: &Entry,
        stuck: &mut HashSet<String>,
    ) -> Result<bool, Stop> {
        let shared = std::sync::Arc::clone(&self.shared);
        let event = entry.event()?;
        let stream = event.stream.to_string();
        let failure = match shared.judge(&event) {
            Judged::PassOver => None,
            Judged::Unknown(cause) => Some((0, cause)),
            Judged::Handle => match self.handle(&event, entry.is_history()).await? {
                Ok(()) => None,
                Err(failure) => Some((failure.attempts, failure.cause)),
            },
        };
        let noted = match &failure {
            None => String::new(),
            Some((attempts, cause)) => {
                let command = Command::new("HGET").key(&shared.keys.again).arg(&entry.id);
                let again = shared.topic.inner.redis.command(command).await.map_err(failed)?;
                let again = again.bytes("what was noted").ok();
                let before = letters::read(entry, &shared.group, again.as_ref())?;
                letters::tried_again(&before.letter, *attempts, cause)
            }
        };
        let keys = &shared.keys;
        let keys = [&keys.ordered, &keys.letters, &keys.parked, &keys.again];
        let command = SETTLE.on(keys).arg(self.partition).arg(self.epoch).arg(&entry.id);
        let command = command.arg(&stream).arg(noted);
        self.answered(shared.topic.inner.run(command).await?)?;
        if failure.is_some() {
            if self.parked.contains(&stream) {
                stuck.insert(stream);
            }
            return Ok(false);
        }
        shared.change(|status| status.handled += 1);
        Ok(true)
    }
}
