//! What can be seen of a group, and what can be done about its dead letters.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use es_core::{Error, ErrorKind, EventId, Result, SubscriberName};
use es_redis::Command;

use super::{
    RedisTopic, letters,
    message::Entry,
    page::Page,
    script::{DISCARD, FORGET, INSPECT, REPLAY, failed, not_read},
};
use crate::KeptLetter;

/// How the consumers of a group share the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GroupMode {
    /// Partitions with owners; each stream in its order.
    Ordered,
    /// Whoever is free takes the next; no order.
    Competing,
}

impl GroupMode {
    /// As it stands in Redis.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Competing => "competing",
        }
    }
}

/// What can be seen of a group, over all its consumers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupStatus {
    /// How its consumers share the work.
    pub mode: GroupMode,
    /// Consumers that are known; of competing ones also some that are gone.
    pub consumers: u64,
    /// Events that were taken and are not acknowledged (competing).
    pub pending: u64,
    /// How far the slowest partition is behind, in places of the log; 0 when everything that
    /// was published has been taken.
    pub lag: u64,
    /// How long ago the log recorded the oldest event that is not handled, whether it was taken,
    /// waits for another attempt or was not looked at; dead letters aside. It is the clock of the
    /// Redis server that says what time it is: where that of the log differs, so does this. Zero
    /// when nothing waits; `None` when what waits cannot be read.
    pub lag_time: Option<Duration>,
    /// Events that wait for another attempt (competing).
    pub waiting: u64,
    /// Dead letters.
    pub dead_letters: u64,
    /// Streams whose later events wait behind a dead letter (ordered).
    pub parked_streams: u64,
}

/// How many letters are moved with one command.
const PAGE: usize = 100;

impl RedisTopic {
    /// What can be seen of a group.
    ///
    /// # Errors
    /// `NotFound` when there is no such group; `Unavailable` when Redis is out of reach.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn group(&self, group: &str) -> Result<GroupStatus> {
        let name = SubscriberName::new(group)?;
        let (inner, of) = (&self.inner, self.inner.keys.group(&name));
        let keys = [inner.keys.meta(), inner.keys.groups(), of.ordered, of.members, of.letters];
        let keys =
            keys.into_iter().chain([of.parked, of.saved, of.retry, of.waiting, of.bodies, of.held]);
        let keys: Vec<String> = keys.collect();
        let look = |streams: Vec<String>| {
            INSPECT.on(keys.iter().cloned().chain(streams)).arg(group.to_owned())
        };
        let mut answer = inner.run_over_all(look, not_read).await?;
        if answer.word != "ok" {
            return Err(no_group(self, group));
        }
        let mode = match answer.text()?.as_str() {
            "ordered" => GroupMode::Ordered,
            _ => GroupMode::Competing,
        };
        Ok(GroupStatus {
            mode,
            consumers: answer.count()?,
            pending: answer.count()?,
            lag: answer.count()?,
            waiting: answer.count()?,
            dead_letters: answer.count()?,
            parked_streams: answer.count()?,
            lag_time: match answer.number()? {
                -1 => None,
                micros => Some(Duration::from_micros(u64::try_from(micros).unwrap_or(0))),
            },
        })
    }

    /// The first `limit` dead letters of a group, in the order in which they came.
    ///
    /// # Errors
    /// `Unavailable` when Redis is out of reach; `Undecodable` when somebody else wrote there.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn dead_letters(&self, group: &str, limit: usize) -> Result<Vec<KeptLetter>> {
        let name = SubscriberName::new(group)?;
        Ok(self.letters(&name, limit).await?.into_iter().map(|(_, kept)| kept).collect())
    }

    async fn letters(
        &self,
        group: &SubscriberName,
        limit: usize,
    ) -> Result<Vec<(String, KeptLetter)>> {
        let (inner, keys) = (&self.inner, self.inner.keys.group(group));
        let again = inner.redis.command(Command::new("HGETALL").key(&keys.again)).await;
        let again = again.and_then(|reply| reply.array("a hash")).map_err(not_read)?;
        let mut noted: HashMap<Bytes, Bytes> = HashMap::new();
        let mut again = again.into_iter();
        while let (Some(id), Some(value)) = (again.next(), again.next()) {
            let both = id.bytes("a hash").and_then(|id| Ok((id, value.bytes("a hash")?)));
            let (id, value) = both.map_err(failed)?;
            noted.insert(id, value);
        }
        let mut found = Vec::new();
        let mut from = "-".to_owned();
        let mut page = Page::first();
        while found.len() < limit {
            let count = page.size().min(limit - found.len());
            let command = Command::new("XRANGE").key(&keys.letters).arg(&from).arg("+");
            let reply = inner.redis.command(command.arg("COUNT").arg(count)).await;
            let entries = reply.and_then(Entry::read_all).map_err(not_read)?;
            page.came(&entries);
            let Some(last) = entries.last() else { break };
            from = format!("({}", last.id);
            for entry in entries {
                let again = noted.get(entry.id.as_bytes());
                found.push((entry.id.clone(), letters::read(&entry, group, again)?));
            }
        }
        Ok(found)
    }

    /// Has the dead letters of a group tried again, and says how many that concerns. A group
    /// that keeps order does it in order, by the owners of the partitions: in a stream that
    /// waits up to what fails again.
    ///
    /// # Errors
    /// `NotFound` when there is no such group; `Unavailable` when Redis is out of reach;
    /// `OutcomeUnknown` when a reply was lost: asking again is safe.
    ///
    /// # Cancel safety
    /// Some of the letters may be tried again.
    pub async fn replay(&self, group: &str) -> Result<u64> {
        let name = SubscriberName::new(group)?;
        let concerned = self.group(group).await?.dead_letters;
        let (inner, of) = (&self.inner, self.inner.keys.group(&name));
        let keys = [inner.keys.groups(), of.ordered, of.letters, of.retry, inner.keys.bell()];
        // What fails again becomes a new letter, and is not to be tried for ever.
        let mut moved = 0;
        loop {
            let count = u64::try_from(PAGE).unwrap_or(u64::MAX).min(concerned - moved);
            let command = REPLAY.on(keys.clone()).arg(group.to_owned()).arg(count.max(1));
            let mut answer = inner.run(command).await?;
            if answer.word != "ok" {
                return Err(no_group(self, group));
            }
            moved += answer.count()?;
            let (left, is_ordered) = (answer.count()?, moved == 0);
            if is_ordered || left == 0 || moved >= concerned {
                return Ok(concerned);
            }
        }
    }

    /// Gives up the dead letters of one event, and says how many there were. What waits behind
    /// them is still parked; [`RedisTopic::replay`] sets it going.
    ///
    /// # Errors
    /// `Unavailable` when Redis is out of reach; `OutcomeUnknown` when a reply was lost.
    ///
    /// # Cancel safety
    /// They may be given up or not.
    pub async fn discard(&self, group: &str, event: EventId) -> Result<u64> {
        let name = SubscriberName::new(group)?;
        let keys = self.inner.keys.group(&name);
        let mut gone = 0;
        for (id, kept) in self.letters(&name, usize::MAX).await? {
            if kept.event.id != event {
                continue;
            }
            let command = DISCARD.on([&keys.letters, &keys.parked, &keys.again]);
            let command = command.arg(id).arg(kept.event.stream.to_string());
            gone += self.inner.run(command).await?.count()?;
        }
        Ok(gone)
    }

    /// Removes a group that nobody serves any more, with all that is kept for it, dead letters
    /// included, so that it holds up the trimming no longer. Says whether it was there.
    ///
    /// # Errors
    /// `Unavailable` when Redis is out of reach; `OutcomeUnknown` when the reply was lost.
    ///
    /// # Cancel safety
    /// It is removed or it is not.
    pub async fn remove_group(&self, group: &str) -> Result<bool> {
        let name = SubscriberName::new(group)?;
        let inner = &self.inner;
        let keys = [inner.keys.meta(), inner.keys.groups()].into_iter();
        let keys: Vec<String> = keys.chain(inner.keys.group(&name).all()).collect();
        inner.known_groups().remove(group);
        let forget = |streams: Vec<String>| {
            FORGET.on(keys.iter().cloned().chain(streams)).arg(group.to_owned())
        };
        let mut answer = inner.run_over_all(forget, failed).await?;
        Ok(answer.count()? > 0)
    }
}

fn no_group(topic: &RedisTopic, group: &str) -> Error {
    let message =
        format!("topic {} has no group {group}: no consumer of it came yet", topic.name());
    Error::new(ErrorKind::NotFound, message)
}
