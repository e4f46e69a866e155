//! Reading through the log itself, append by append.

use std::{collections::VecDeque, sync::Arc};

use es_core::{Direction, Error, Position, Read, Result, Selection, StreamId, TenantScope};
use es_redis::{Command, Reply};

use super::{
    ahead::Task,
    entry::{Entry, Names},
    plan::{Plan, Planned},
    runs::Runs,
    source::Source,
};
use crate::error::damaged;

/// Entries of the log that are asked for at a time: cheap ones, so more than a page has.
const ENTRIES: usize = 1_000;
/// So many are asked for where few events are wanted, since not all of them may be meant.
const FEW: usize = 16;

/// Where the read of the log has got to: both ends are still to be read.
pub(super) struct Walk {
    low: Position,
    high: Position,
    direction: Direction,
    entries: VecDeque<Entry>,
    names: Names,
    /// Where the next entries begin.
    next: Position,
    is_over: bool,
    /// The log has ended before this read has.
    is_short: bool,
    /// How many entries are asked for at least.
    asked: usize,
    /// How many entries the last page had.
    used: usize,
    /// The next entries, on their way.
    coming: Option<Task<Result<(Reply, usize)>>>,
}

impl Walk {
    /// Through all that lies within the bounds of `read`, which has an end.
    pub(super) async fn new(source: &Source, read: &Read) -> Result<Self> {
        let low = read.after.map_or(1, |after| after.get().saturating_add(1));
        let high = read.until.unwrap_or(Position::START);
        let (low, direction) = (Position::new(low), read.direction);
        let is_over = low > high;
        let next = match direction {
            Direction::Forward => low,
            // The ids of entries are their last positions: the first one to read may begin
            // before the end of the read and end behind it.
            Direction::Backward if is_over => high,
            Direction::Backward => match source.entry_from(high).await? {
                Some(entry) => entry.last,
                None => Position::new(u64::MAX), // a gap at the end
            },
        };
        let (entries, names) = (VecDeque::new(), Names::default());
        let (is_short, asked, used, coming) = (false, 0, 0, None);
        Ok(Self {
            low,
            high,
            direction,
            entries,
            names,
            next,
            is_over,
            is_short,
            asked,
            used,
            coming,
        })
    }

    /// Where the next events lie, about as many as are wanted. There are none only behind the
    /// last one.
    pub(super) async fn plan(
        &mut self,
        source: &Arc<Source>,
        read: &Read,
        wanted: u64,
    ) -> Result<Planned> {
        loop {
            if self.entries.len() <= self.used && !self.is_over {
                self.fill(source, read, wanted).await?;
            }
            let (runs, events) = self.runs(read, wanted);
            // Entries for the pages behind this one come along with its events.
            if self.entries.len() <= self.used * 2 && !self.is_over && self.coming.is_none() {
                let (command, most) = self.more(source, wanted);
                let source = Arc::clone(source);
                self.coming = Some(Task::begin(async move { asked(&source, command, most).await }));
            }
            let is_more = !self.entries.is_empty() || !self.is_over;
            if events > 0 || !is_more {
                let plan = Plan::Runs(runs.into_vec(), self.direction);
                return Ok(Planned { plan, events, is_more });
            }
        }
    }

    /// Takes over the next entries.
    async fn fill(&mut self, source: &Source, read: &Read, wanted: u64) -> Result<()> {
        let (reply, most) = match self.coming.take() {
            Some(coming) => coming.done().await??,
            None => {
                let (command, most) = self.more(source, wanted);
                asked(source, command, most).await?
            }
        };
        self.add(reply, most, read)?;
        if std::mem::take(&mut self.is_short) {
            // At a gap, which an operator has left, or because there is no such log any more.
            source.check().await?;
        }
        Ok(())
    }

    /// Where the events of the next entries lie, about as many as are wanted, and how many
    /// that is.
    fn runs(&mut self, read: &Read, wanted: u64) -> (Runs, u64) {
        let (mut runs, mut count) = (Runs::default(), 0);
        self.used = 0;
        while count < wanted
            && let Some(entry) = self.entries.pop_front()
        {
            self.used += 1;
            for part in entry.parts.iter().filter(|part| may_be_read(read, &part.stream)) {
                let end = part.first.get() + part.count;
                let first = self.low.get().max(part.first.get());
                let behind = end.min(self.high.get().saturating_add(1));
                if first < behind {
                    let version = part.version + (first - part.first.get());
                    runs.add(&part.stream, version, behind - first);
                    count += behind - first;
                }
            }
        }
        (runs, count)
    }

    /// The command for the next entries, and how many it asks for.
    fn more(&mut self, source: &Source, wanted: u64) -> (Command, usize) {
        let most = usize::try_from(wanted).unwrap_or(ENTRIES).clamp(FEW, ENTRIES).max(self.asked);
        // Where few of them are meant, small steps would take for ever.
        self.asked = (most * 4).min(ENTRIES);
        let command = match self.direction {
            Direction::Forward => source.forward(self.next),
            Direction::Backward => Command::new("XREVRANGE")
                .key(&source.keys.log)
                .arg(format!("{}-0", self.next.get()))
                .arg("-"),
        };
        (command.arg("COUNT").arg(most), most)
    }

    /// Takes over the entries of a reply that was asked for `most` of them.
    fn add(&mut self, reply: Reply, most: usize, read: &Read) -> Result<()> {
        let entries = reply.array("the log").map_err(damaged)?;
        let (is_all, mut is_through) = (entries.len() < most, false);
        for entry in entries {
            let entry = Entry::of(entry, &mut self.names)?;
            let is_beyond = match self.direction {
                Direction::Forward => entry.first > self.high,
                Direction::Backward => entry.last < self.low,
            };
            if is_beyond {
                is_through = true;
                break;
            }
            match self.direction {
                Direction::Forward => self.next = Position::new(entry.last.get() + 1),
                Direction::Backward if entry.first <= self.low => is_through = true,
                Direction::Backward => self.next = Position::new(entry.first.get() - 1),
            }
            if entry.parts.iter().any(|part| may_be_read(read, &part.stream)) {
                self.entries.push_back(entry);
            }
        }
        is_through |= self.direction == Direction::Forward && self.next > self.high;
        (self.is_over, self.is_short) = (is_through || is_all, is_all && !is_through);
        Ok(())
    }
}

/// Asks for entries, and says how many were asked for.
async fn asked(source: &Source, command: Command, most: usize) -> Result<(Reply, usize)> {
    Ok((source.ask(&[command]).await?.swap_remove(0), most))
}

/// Whether events of a stream can be covered, as far as its name tells.
pub(super) fn may_be_read(read: &Read, stream: &StreamId) -> bool {
    let is_selected = match &read.selection {
        Selection::Category(category) => stream.category() == category,
        Selection::Stream(name) => stream == name,
        _ => true,
    };
    is_selected
        && match &read.tenants {
            TenantScope::All => true,
            TenantScope::Untenanted => stream.tenant().is_none(),
            TenantScope::One(tenant) => stream.tenant() == Some(tenant),
        }
}

pub(super) fn unanswered() -> Error {
    damaged("a question was not answered")
}
