//! Events that are too large for the line, as many at once as are asked for.
//!
//! *Hazard.* How large events are is known once they are there, and most are small: so many are
//! asked for at once, and where each has a megabyte they do not come in the time of one command,
//! however often they are asked for. *Mechanism.* Where a reply does not come, the same events
//! are asked for a few at a time, begun with one, and as many as their size allows from there.
//! Which streams those were is kept for a while, and reads of them begin that way. *Why it is
//! sound.* What a log has never changes, so it does not matter in how many pieces it is read;
//! the head is asked for behind the last one. *Cost.* None where replies come. A server that
//! stood still for long makes reads of the same streams begin with small pages for that while.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use es_core::{Result, StreamId};
use es_redis::{Command, ErrorKind};

use super::{
    budget::Budget,
    item::Item,
    runs::{Run, Taking},
    source::Source,
};

/// For how long it is known that a reply did not come.
const KNOWN: Duration = Duration::from_secs(10 * 60);
/// Streams that are known at a time at most.
const STREAMS: usize = 1_024;

/// What was too much for the line.
#[derive(Default)]
pub(crate) struct Narrow(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// The last time, whatever was read.
    last: Option<Instant>,
    streams: HashMap<StreamId, Instant>,
}

impl Narrow {
    /// Whether a read of this stream, or of the log, begins with one event.
    pub(super) fn begins_small(&self, stream: Option<&StreamId>) -> bool {
        let known = self.known();
        // Mostly nothing is known, and then no name is looked for.
        let is_new = |at: &Instant| at.elapsed() < KNOWN;
        known.last.as_ref().is_some_and(is_new)
            && stream.is_none_or(|stream| known.streams.get(stream).is_some_and(is_new))
    }

    fn note(&self, runs: &[Run]) {
        let (mut known, now) = (self.known(), Instant::now());
        known.last = Some(now);
        if let [run] = runs {
            if known.streams.len() >= STREAMS {
                known.streams.clear();
            }
            known.streams.insert(run.stream.clone(), now);
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    /// What is made of the replies to these commands, which begin with those of the runs; none
    /// where a reply was lost.
    pub(super) async fn at_once<T: Item>(
        &self,
        commands: &[Command],
        runs: &[Run],
    ) -> Result<Option<Taking<T>>> {
        let (begun, time) = (Instant::now(), self.redis.command_timeout());
        let begin = || Taking::of(runs);
        let mut take = |taking: &mut Taking<T>, reply| taking.take(runs, reply);
        match self.fold_once(commands, begin, &mut take).await {
            Ok(taking) => taking.map(Some),
            Err(error) if error.kind() == ErrorKind::Lost => {
                // A connection that breaks is noticed sooner.
                if begun.elapsed() >= time / 2 {
                    tracing::warn!(
                        events = count(runs),
                        "they do not come in time: fewer at a time"
                    );
                    self.narrow.note(runs);
                }
                Ok(None)
            }
            Err(_) => self.fold(commands, begin, take).await.map(Some),
        }
    }

    /// The events of some runs, a few at a time, and whether one has fewer than was asked for.
    pub(super) async fn slowly<T: Item>(&self, runs: &[Run]) -> Result<(Vec<T>, bool)> {
        let (mut events, mut budget) = (Vec::new(), Budget::of(1));
        let mut left: Vec<Run> = runs.iter().rev().cloned().collect();
        while !left.is_empty() {
            let part = next(&mut left, budget.events());
            let asked: Vec<_> = part.iter().flat_map(|run| run.commands(&self.keys)).collect();
            let taking: Option<Taking<T>> = if count(&part) > 1 {
                self.at_once(&asked, &part).await?
            } else {
                let take = |taking: &mut Taking<T>, reply| taking.take(&part, reply);
                Some(self.fold(&asked, || Taking::of(&part), take).await?)
            };
            let Some(taking) = taking else {
                // Larger than those before them.
                left.extend(part.into_iter().rev());
                budget = Budget::of(1);
                continue;
            };
            budget.learn(&taking.events);
            events.extend(taking.events);
            if taking.is_short {
                return Ok((events, true));
            }
        }
        Ok((events, false))
    }
}

/// The next events of some runs, the last of which is the next one.
fn next(left: &mut Vec<Run>, most: u64) -> Vec<Run> {
    let (mut part, mut room) = (Vec::new(), most);
    while room > 0
        && let Some(run) = left.last_mut()
    {
        let count = run.count.min(room);
        part.push(Run { stream: run.stream.clone(), version: run.version, count });
        room -= count;
        (run.version, run.count) = (run.version + count, run.count - count);
        if run.count == 0 {
            left.pop();
        }
    }
    part
}

fn count(runs: &[Run]) -> u64 {
    runs.iter().map(|run| run.count).fold(0, u64::saturating_add)
}
