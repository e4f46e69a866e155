//! The log as it lies on the server, for whoever reads or appends.

use es_core::{Diverged, Head, LogId, Position, Recorded, Result};
use es_redis::{Command, Redis, Reply, Script};
use tokio::sync::watch;

use super::entry::{Entry, Run, records};
use crate::{
    error::{damaged, from_redis},
    keys::Keys,
    open,
};

/// How often a read is asked again when its reply is lost.
const TRIES: u32 = 4;

/// The log as it lies on the server.
pub(crate) struct Source {
    pub(crate) redis: Redis,
    pub(crate) keys: Keys,
    pub(crate) log: LogId,
    /// The highest position that was seen or acknowledged here. A log that ends before it
    /// was rolled back.
    pub(crate) published: watch::Sender<Position>,
    search: Script,
}

impl Source {
    pub(crate) fn new(redis: Redis, keys: Keys, head: Head) -> Self {
        let published = watch::Sender::new(head.position);
        let search = Script::new(include_str!("search.lua"));
        Self { redis, keys, log: head.log, published, search }
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

    /// Which log is there now, and where it ends.
    ///
    /// # Errors
    /// `LogDiverged` when it is gone, or ends before what was seen of it.
    pub(crate) async fn head(&self) -> Result<Head> {
        let seen = self.seen();
        let reply = self.ask(&[open::asking(&self.keys)]).await?.swap_remove(0);
        self.checked(reply, seen)
    }

    /// The head in a reply, for a log that was seen up to `seen` before it was asked.
    pub(crate) fn checked(&self, reply: Reply, seen: Position) -> Result<Head> {
        let head = open::head(reply, self.log)?;
        if head.log == self.log {
            if head.position < seen {
                return Err(Diverged::RolledBack { reader: seen, head }.into());
            }
            self.publish(head.position);
        }
        Ok(head)
    }

    /// Asks, again where a reply is lost; a read may be asked as often as one likes.
    pub(crate) async fn ask(&self, commands: &[Command]) -> Result<Vec<Reply>> {
        let mut tries = 0;
        loop {
            let replies: Result<Vec<_>, _> = self.redis.batch(commands).await.into_iter().collect();
            match replies {
                Ok(replies) => return Ok(replies),
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

    /// The entry that has the event at a position, which the log has.
    pub(crate) async fn entry_with(&self, position: Position) -> Result<Entry> {
        let mut entries = self.entries_with([position]).await?;
        entries.pop().ok_or_else(|| damaged("a position is taken and not in the log"))
    }

    /// The entries that have the events at some positions; each entry as often as asked for.
    pub(crate) async fn entries_with(
        &self,
        positions: impl IntoIterator<Item = Position>,
    ) -> Result<Vec<Entry>> {
        let asked: Vec<_> =
            positions.into_iter().map(|at| self.forward(at).arg("COUNT").arg(1)).collect();
        let mut entries = Vec::with_capacity(asked.len());
        for reply in self.ask(&asked).await? {
            let found = reply.array("the log").map_err(damaged)?.into_iter().next();
            entries.push(Entry::of(found.ok_or_else(|| damaged("the log ends too early"))?)?);
        }
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

    /// The events of some runs, in their order.
    pub(crate) async fn runs(&self, runs: &[Run]) -> Result<Vec<Recorded>> {
        let asked: Vec<_> = runs.iter().map(|run| self.list(run)).collect();
        let mut events = Vec::new();
        for (reply, run) in self.ask(&asked).await?.into_iter().zip(runs) {
            let found = records(reply, &run.stream, run.version)?;
            if found.len() as u64 != run.count {
                return Err(damaged("a stream is shorter than the log says"));
            }
            events.extend(found);
        }
        Ok(events)
    }

    /// The command for the events of a run.
    fn list(&self, run: &Run) -> Command {
        let (first, last) = (run.version - 1, run.version + run.count - 2);
        let key = self.keys.stream(&run.stream);
        Command::new("LRANGE").key(key).arg(first).arg(last)
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

/// What a search found.
pub(crate) fn found(reply: Reply) -> Result<u64> {
    let parts = reply.array("a search").map_err(damaged)?;
    let below = parts.first().ok_or_else(|| damaged("a search found nothing"))?;
    below.count("a search").map_err(damaged)
}
