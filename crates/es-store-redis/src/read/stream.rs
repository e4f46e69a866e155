//! Reading one stream: its list, from either end.

use es_core::{Direction, Head, Position, Read, Result, StreamId};

use super::{
    item::Item,
    plan::{Plan, Planned, is_end},
    runs::{Run, Taking},
    source::{Source, found},
};

/// Where the read of a stream has got to, in versions: both ends are still to be read.
pub(super) struct InStream {
    stream: StreamId,
    low: u64,
    high: u64,
    until: Position,
    direction: Direction,
}

impl InStream {
    /// A read that begins at a version and knows of no other end, so that nothing has to be
    /// looked up before the first page.
    pub(super) fn from_the_start(stream: &StreamId, read: &Read) -> Option<Self> {
        let is_plain = read.direction == Direction::Forward
            && read.after.is_none_or(|after| after == Position::START)
            && read.recorded_since.is_none()
            && read.recorded_until.is_none();
        let low = read.from_version.map_or(1, |version| version.get());
        let high = read.to_version.map_or(u64::MAX, |version| version.get());
        let until = read.until.unwrap_or(Position::new(u64::MAX));
        let direction = Direction::Forward;
        // A version is always asked for, so there must be one between the bounds.
        (is_plain && low <= high).then(|| Self {
            stream: stream.clone(),
            low,
            high,
            until,
            direction,
        })
    }

    /// The first page and the head of the log, in one round trip.
    pub(super) async fn first<T: Item>(
        &mut self,
        source: &Source,
        events: u64,
    ) -> Result<(Vec<T>, Head, bool)> {
        let mut count = self.wanted(events.max(1));
        let run = |count| Run { stream: self.stream.clone(), version: self.low, count };
        let (page, head) = match listed_at_once(source, &run(count)).await? {
            Some(listed) => listed,
            None => {
                count = 1; // too much for the line, and the next pages know how large they are
                listed(source, run(count)).await?
            }
        };
        // What comes after the head belongs to a later read.
        self.until = self.until.min(head.position);
        self.low = self.low.saturating_add(count);
        let is_more = !is_end(&page, count, self.until) && self.low <= self.high;
        Ok((page, head, is_more))
    }

    /// A read whose ends are looked up by their positions.
    pub(super) async fn at(source: &Source, stream: &StreamId, read: &Read) -> Result<Self> {
        let key = source.keys.stream(stream);
        let until = read.until.unwrap_or(Position::new(u64::MAX));
        let after = read.after.unwrap_or(Position::START);
        let asked = [after, until].map(|at| source.searching(&key, at, "r"));
        let mut replies = source.ask(&asked).await?.into_iter();
        let mut next = || replies.next().map_or_else(|| Err(super::cursor::unanswered()), found);
        let (below, up_to) = (next()?, next()?);
        let low = read.from_version.map_or(1, |version| version.get()).max(below + 1);
        let high = read.to_version.map_or(u64::MAX, |version| version.get()).min(up_to);
        Ok(Self { stream: stream.clone(), low, high, until, direction: read.direction })
    }

    /// The next events, as if the stream had as many as are wanted.
    pub(super) fn plan(&mut self, events: u64) -> Planned {
        if self.low > self.high {
            return Planned { plan: Plan::nothing(), events: 0, is_more: false };
        }
        let count = self.wanted(events);
        let version = match self.direction {
            Direction::Forward => self.low,
            Direction::Backward => self.high + 1 - count,
        };
        let run = Run { stream: self.stream.clone(), version, count };
        let plan = match self.direction {
            Direction::Forward => {
                self.low = self.low.saturating_add(count);
                Plan::Next(run, self.until)
            }
            Direction::Backward => {
                self.high -= count;
                Plan::Before(run)
            }
        };
        Planned { plan, events: count, is_more: self.low <= self.high }
    }

    fn wanted(&self, events: u64) -> u64 {
        events.min(self.high.saturating_sub(self.low).saturating_add(1)).max(1)
    }
}

/// The events of a run that are there, and the head of the log. It is asked behind the list: a
/// stream that ends early because the server was wiped on the way is not taken for a short one.
pub(super) async fn listed<T: Item>(source: &Source, run: Run) -> Result<(Vec<T>, Head)> {
    if let Some(listed) = listed_at_once(source, &run).await? {
        return Ok(listed);
    }
    let (events, _) = source.slowly(&[run]).await?;
    Ok((events, source.head().await?))
}

/// The same in one round trip; none where a reply was lost.
async fn listed_at_once<T: Item>(source: &Source, run: &Run) -> Result<Option<(Vec<T>, Head)>> {
    let asking = source.asking();
    let mut commands: Vec<_> = run.commands(&source.keys).collect();
    commands.extend(asking.commands.iter().cloned());
    let taking = source.at_once(&commands, std::slice::from_ref(run)).await?;
    let Some(Taking { events, rest, .. }) = taking else { return Ok(None) };
    Ok(Some((events, asking.head(source, rest)?)))
}
