//! The log as it lies on the server, for whoever reads or appends.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use es_core::{Diverged, Error, EventId, Head, LogId, Position, Recorded, Result};
use es_redis::{Command, Redis, Reply, Script};
use tokio::sync::watch;

use super::{
    entry::{Entry, Names},
    item::Item,
    long::Long,
    narrow::Narrow,
    runs::{Run, Taking},
};
use crate::{
    error::{damaged, from_redis},
    keys::Keys,
    open,
};

/// How often a read is asked again when its reply is lost.
const TRIES: u32 = 4;

/// Positions that are at most so far apart on average are looked up by one range of the log.
const DENSE: u64 = 8;

/// The log as it lies on the server.
pub(crate) struct Source {
    pub(crate) redis: Redis,
    pub(crate) keys: Keys,
    pub(crate) log: LogId,
    /// The highest position that was seen or acknowledged here. A log that ends before it
    /// was rolled back.
    pub(crate) published: watch::Sender<Position>,
    anchor: Mutex<Option<Anchor>>,
    search: Script,
    pub(super) narrow: Narrow,
    pub(super) long: Long,
}

/// An event that was seen here, and where. A server that was rolled back and has gone on
/// since may be past every position that was seen, but has other events there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anchor {
    pub(crate) id: EventId,
    pub(crate) position: Position,
}

/// What is said of a log that has another event where the anchor was.
pub(crate) fn rewritten(anchor: Option<Anchor>) -> Error {
    match anchor {
        Some(Anchor { id, position }) => Diverged::Rewritten { position, expected: id }.into(),
        None => damaged("an anchor was missed that was not asked for"),
    }
}

impl Source {
    pub(crate) fn new(redis: Redis, keys: Keys, head: Head) -> Self {
        let published = watch::Sender::new(head.position);
        let search = Script::new(include_str!("search.lua"));
        let anchor = Mutex::new(None);
        let (narrow, long) = (Narrow::default(), Long::default());
        Self { redis, keys, log: head.log, published, anchor, search, narrow, long }
    }

    /// The highest position that was seen here.
    pub(crate) fn seen(&self) -> Position {
        *self.published.borrow()
    }

    /// Notes that the log reaches to a position, and wakes who waits for that.
    pub(crate) fn publish(&self, position: Position) {
        self.published.send_if_modified(|head| {
            let grown = position > *head;
            *head = position.max(*head);
            grown
        });
    }

    /// The last event that was seen here.
    pub(crate) fn anchor(&self) -> Option<Anchor> {
        *self.anchor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an event that the log has.
    fn anchored(&self, id: EventId, position: Position) {
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        if anchor.is_none_or(|anchor| anchor.position < position) {
            *anchor = Some(Anchor { id, position });
        }
    }

    /// Notes an append that was acknowledged, whose last event this is.
    pub(crate) fn wrote(&self, last: Option<EventId>, position: Position) {
        if let Some(id) = last {
            self.anchored(id, position);
        }
        self.publish(position);
    }

    /// Which log is there now, and where it ends.
    ///
    /// # Errors
    /// `LogDiverged` when it is gone, ends before what was seen of it, or has something else
    /// there.
    pub(crate) async fn head(&self) -> Result<Head> {
        let asking = self.asking();
        let replies = self.ask(&asking.commands).await?;
        asking.head(self, replies)
    }

    /// Whether the log is still the one that is read, with all that was seen of it. Whoever
    /// finds less than there was must ask: a server that was wiped answers as an empty log
    /// would.
    ///
    /// # Errors
    /// `LogDiverged` when it is not.
    pub(super) async fn check(&self) -> Result<()> {
        self.is_ours(self.head().await?)
    }

    /// Whether this is the head of the log that is read.
    pub(super) fn is_ours(&self, head: Head) -> Result<()> {
        if head.log != self.log {
            return Err(Diverged::Replaced { expected: self.log, found: head.log }.into());
        }
        Ok(())
    }

    /// The question which log is there, where it ends, and whether it is what was seen. They
    /// are commands of one key each: a script of two keys would cost more than both, and be
    /// refused for as long as a cluster moves the slot of the log from node to node.
    pub(crate) fn asking(&self) -> Asking {
        let (seen, anchor) = (self.seen(), self.anchor());
        let state = Command::new("HMGET").key(&self.keys.meta).arg("log").arg("seq");
        let mut commands = vec![state];
        if let Some(Anchor { id, .. }) = anchor {
            let id_of_anchor = Bytes::copy_from_slice(id.as_uuid().as_bytes());
            commands.push(Command::new("HGET").key(self.keys.ids(id)).arg(id_of_anchor));
        }
        Asking { seen, anchor, commands }
    }

    /// Asks, again where a reply is lost; a read may be asked as often as one likes.
    pub(crate) async fn ask(&self, commands: &[Command]) -> Result<Vec<Reply>> {
        let begin = || Vec::with_capacity(commands.len());
        self.fold(commands, begin, |replies, reply| {
            replies.push(reply);
            Ok(())
        })
        .await
    }

    /// Asks, and takes in each reply while later ones are on their way. Where one is lost all
    /// are asked again and what was made of the first ones is thrown away: what is made of
    /// them belongs to one look at the log.
    pub(super) async fn fold<S: Send>(
        &self,
        commands: &[Command],
        begin: impl Fn() -> S + Sync,
        mut take: impl FnMut(&mut S, Reply) -> Result<()> + Send,
    ) -> Result<S> {
        let mut tries = 0;
        loop {
            match self.fold_once(commands, &begin, &mut take).await {
                Ok(state) => return state,
                Err(error)
                    if tries < TRIES
                        && (error.kind() == es_redis::ErrorKind::Lost
                            || crate::error::may_pass(&error)) =>
                {
                    tries += 1;
                    let pause = std::time::Duration::from_millis(fastrand::u64(5..20) << tries);
                    tokio::time::sleep(pause).await;
                }
                Err(error) => return Err(from_redis(error)),
            }
        }
    }

    /// The same, asked once. The outer error is the first one of Redis.
    pub(super) async fn fold_once<S: Send>(
        &self,
        commands: &[Command],
        begin: impl Fn() -> S,
        take: &mut (impl FnMut(&mut S, Reply) -> Result<()> + Send),
    ) -> es_redis::Result<Result<S>> {
        let mut state = begin();
        let (mut lost, mut taken) = (None, Ok(()));
        let each = |answer: es_redis::Result<Reply>| match answer {
            Ok(reply) if lost.is_none() && taken.is_ok() => taken = take(&mut state, reply),
            Err(error) if lost.is_none() => lost = Some(error),
            _ => {}
        };
        self.redis.each(commands, each).await;
        match lost {
            None => Ok(taken.map(|()| state)),
            Some(error) => Err(error),
        }
    }

    /// The entry that has the event at a position, which the log has.
    pub(crate) async fn entry_with(&self, position: Position) -> Result<Entry> {
        let entry = self.entry_from(position).await?;
        entry.ok_or_else(|| damaged("a position is taken and not in the log"))
    }

    /// The entry that has the event at a position, or the first one behind it; none at the end.
    pub(crate) async fn entry_from(&self, position: Position) -> Result<Option<Entry>> {
        let asked = self.forward(position).arg("COUNT").arg(1);
        let reply = self.ask(&[asked]).await?.swap_remove(0);
        let found = reply.array("the log").map_err(damaged)?.into_iter().next();
        found.map(|found| Entry::of(found, &mut Names::default())).transpose()
    }

    /// The entries that have the events at some positions, in any order, each entry once.
    pub(crate) async fn entries_with(&self, positions: &[Position]) -> Result<Vec<Entry>> {
        let (Some(first), Some(last)) = (positions.iter().min(), positions.iter().max()) else {
            return Ok(Vec::new());
        };
        let span = last.get() - first.get() + 1;
        let asked: Vec<Command> = if span <= DENSE.saturating_mul(positions.len() as u64) {
            // An entry's id is its last position, so the one that has `last` may be behind it.
            let from = format!("{}-0", first.get());
            let before = format!("({}-0", last.get());
            let between = Command::new("XRANGE").key(&self.keys.log).arg(from).arg(before);
            vec![between, self.forward(*last).arg("COUNT").arg(1)]
        } else {
            positions.iter().map(|at| self.forward(*at).arg("COUNT").arg(1)).collect()
        };
        let (mut entries, mut names) = (Vec::with_capacity(asked.len()), Names::default());
        for reply in self.ask(&asked).await? {
            for entry in reply.array("the log").map_err(damaged)? {
                entries.push(Entry::of(entry, &mut names)?);
            }
        }
        entries.sort_unstable_by_key(|entry| entry.last);
        entries.dedup_by_key(|entry| entry.last);
        Ok(entries)
    }

    /// The events of an entry.
    pub(crate) async fn records(&self, entry: &Entry) -> Result<Vec<Recorded>> {
        let runs = entry.parts.iter().map(|part| Run {
            stream: part.stream.clone(),
            version: part.version,
            count: part.count,
        });
        self.runs(&runs.collect::<Vec<_>>()).await
    }

    /// The events of some runs, run by run.
    pub(super) async fn runs<T: Item>(&self, runs: &[Run]) -> Result<Vec<T>> {
        if runs.is_empty() {
            return Ok(Vec::new());
        }
        let asked: Vec<_> = runs.iter().flat_map(|run| run.commands(&self.keys)).collect();
        let (events, is_short) = match self.at_once(&asked, runs).await? {
            Some(Taking { events, is_short, .. }) => (events, is_short),
            None => self.slowly(runs).await?,
        };
        if is_short {
            return Err(damaged("a stream is shorter than the log says"));
        }
        let seen = events.iter().map(Item::seen);
        if let Some(last) = seen.max_by_key(|event| event.position) {
            self.anchored(last.id, last.position);
        }
        Ok(events)
    }

    /// The command for the entries from the one that has this position on.
    pub(crate) fn forward(&self, from: Position) -> Command {
        let from = format!("{}-0", from.get());
        Command::new("XRANGE").key(&self.keys.log).arg(from).arg("+")
    }

    /// How many items of a list are at a position or below, and how many there are.
    pub(crate) fn searching(&self, key: &str, limit: Position, kind: &'static str) -> Command {
        self.search.on([key.to_owned()]).arg(limit.get()).arg(kind)
    }
}

/// A question about the head, and what was known when it was asked.
pub(crate) struct Asking {
    seen: Position,
    anchor: Option<Anchor>,
    /// In this order: what was seen is there before the end is asked for.
    pub(crate) commands: Vec<Command>,
}

impl Asking {
    /// The head that these replies tell of.
    ///
    /// # Errors
    /// `LogDiverged` when the log is gone, ends before what was seen of it, or has something
    /// else there.
    pub(crate) fn head(&self, source: &Source, replies: Vec<Reply>) -> Result<Head> {
        let (head, place) = open::head(replies, source.log)?;
        if head.log != source.log {
            return Ok(head); // whoever asks compares
        }
        if head.position < self.seen {
            return Err(Diverged::RolledBack { reader: self.seen, head }.into());
        }
        if self.anchor.is_some_and(|anchor| place != Some(anchor.position)) {
            return Err(rewritten(self.anchor));
        }
        source.publish(head.position);
        Ok(head)
    }
}

/// What a search found.
pub(crate) fn found(reply: Reply) -> Result<u64> {
    let parts = reply.array("a search").map_err(damaged)?;
    let below = parts.first().ok_or_else(|| damaged("a search found nothing"))?;
    below.count("a search").map_err(damaged)
}
