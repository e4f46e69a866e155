//! Reading one stream: its list, from either end.

use es_core::{Direction, Head, Position, Read, Result, StreamId};

use super::{
    item::Item,
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
        is_plain.then(|| Self { stream: stream.clone(), low, high, until, direction })
    }

    /// The first page and the head of the log, in one round trip.
    pub(super) async fn first<T: Item>(
        &mut self,
        source: &Source,
        events: u64,
    ) -> Result<(Vec<T>, Head, bool)> {
        let wanted = self.wanted(events.max(1));
        let (page, head) = self.listed(source, wanted).await?;
        // What comes after the head belongs to a later read.
        self.until = self.until.min(head.position);
        let is_more = self.pass(&page, wanted);
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

    pub(super) async fn page<T: Item>(
        &mut self,
        source: &Source,
        events: u64,
    ) -> Result<(Vec<T>, bool)> {
        if self.low > self.high {
            return Ok((Vec::new(), false));
        }
        let wanted = self.wanted(events);
        if self.direction == Direction::Backward {
            let version = self.high + 1 - wanted;
            let run = Run { stream: self.stream.clone(), version, count: wanted };
            let (mut page, _) = source.runs(&[run], None).await?;
            page.reverse();
            self.high -= wanted;
            return Ok((page, self.low <= self.high));
        }
        let (page, head) = self.listed(source, wanted).await?;
        source.is_ours(head)?;
        let is_more = self.pass(&page, wanted);
        Ok((page, is_more))
    }

    fn wanted(&self, events: u64) -> u64 {
        events.min(self.high.saturating_sub(self.low).saturating_add(1)).max(1)
    }

    /// The next events, and the head of the log. It is asked behind the list: a stream that
    /// ends early because the server was wiped on the way is not taken for a short one.
    async fn listed<T: Item>(&self, source: &Source, count: u64) -> Result<(Vec<T>, Head)> {
        let run = Run { stream: self.stream.clone(), version: self.low, count };
        let asking = source.asking();
        let mut commands: Vec<_> = run.commands(&source.keys).collect();
        commands.push(asking.command.clone());
        let runs = [run];
        let Taking { events, mut rest, .. } = source
            .fold(&commands, || Taking::of(&runs), |taking, reply| taking.take(&runs, reply))
            .await?;
        let head = asking.head(source, rest.pop().ok_or_else(super::cursor::unanswered)?)?;
        Ok((events, head))
    }

    /// Goes behind a page, and says whether there may be more.
    fn pass(&mut self, page: &[impl Item], wanted: u64) -> bool {
        self.low += page.len() as u64;
        let is_over = page.last().is_none_or(|last| last.seen().position >= self.until);
        page.len() as u64 == wanted && !is_over && self.low <= self.high
    }
}
