//! Reading by lists of positions: categories, types and tags of one tenant.

use std::collections::VecDeque;

use es_core::{Direction, Position, Read, Result, Selection, Tenant, TenantScope};
use es_redis::Command;

use super::{
    item::Item,
    plan::{Plan, Planned},
    runs::{Runs, in_order},
    source::{Source, found},
};
use crate::error::damaged;

/// Positions of one list that are asked for at a time.
const CHUNK: u64 = 1_000;

/// Several lists read as one, in order, each position once.
pub(super) struct Lists {
    lists: Vec<List>,
    low: Position,
    high: Position,
    direction: Direction,
}

/// One list: what was fetched of it, and which part is still to be fetched.
struct List {
    key: String,
    fetched: VecDeque<u64>,
    /// From 0, the end excluded.
    low: u64,
    high: u64,
}

impl Lists {
    /// The lists that have all that `read` means; `None` where there are none that do.
    pub(super) async fn of(source: &Source, read: &Read) -> Result<Option<Self>> {
        let tenant = match &read.tenants {
            TenantScope::All => return Ok(None),
            TenantScope::Untenanted => None,
            TenantScope::One(tenant) => Some(tenant),
        };
        let keys = keys(source, read, tenant);
        if keys.is_empty() {
            return Ok(None);
        }
        let after = read.after.unwrap_or(Position::START);
        let high = read.until.unwrap_or(Position::START);
        let asked: Vec<Command> = keys
            .iter()
            .flat_map(|key| [after, high].map(|at| source.searching(key, at, "p")))
            .collect();
        let mut replies = source.ask(&asked).await?.into_iter();
        let mut lists = Vec::with_capacity(keys.len());
        for key in keys {
            let mut next =
                || replies.next().map_or_else(|| Err(super::cursor::unanswered()), found);
            let (low, high) = (next()?, next()?);
            lists.push(List { key, fetched: VecDeque::new(), low, high });
        }
        let low = Position::new(after.get().saturating_add(1));
        Ok(Some(Self { lists, low, high, direction: read.direction }))
    }

    /// The next positions, `wanted` of them at most.
    pub(super) async fn plan(&mut self, source: &Source, wanted: u64) -> Result<Planned> {
        let mut positions: Vec<Position> = Vec::new();
        let mut is_more = true;
        while (positions.len() as u64) < wanted.max(1) {
            self.fill(source).await?;
            let Some(position) = self.next() else {
                is_more = false;
                break;
            };
            if position >= self.low.get() && position <= self.high.get() {
                positions.push(Position::new(position));
            }
        }
        let events = positions.len() as u64;
        Ok(Planned { plan: Plan::Positions(positions, self.direction), events, is_more })
    }

    /// Fetches of each list that has run out, if it has more.
    async fn fill(&mut self, source: &Source) -> Result<()> {
        let is_forward = self.direction == Direction::Forward;
        let mut empty: Vec<&mut List> = self
            .lists
            .iter_mut()
            .filter(|list| list.fetched.is_empty() && list.low < list.high)
            .collect();
        if empty.is_empty() {
            return Ok(());
        }
        let asked = empty.iter_mut().map(|list| list.chunk(is_forward));
        let (asked, counts): (Vec<Command>, Vec<u64>) = asked.unzip();
        let replies = source.ask(&asked).await?.into_iter().zip(counts);
        for ((reply, count), list) in replies.zip(empty) {
            let positions = reply.array("a list of positions").map_err(damaged)?;
            if positions.len() as u64 != count {
                return Err(damaged("a list of positions is shorter than it was"));
            }
            for position in positions {
                let position = position.count("a position").map_err(damaged)?;
                match is_forward {
                    true => list.fetched.push_back(position),
                    false => list.fetched.push_front(position),
                }
            }
        }
        Ok(())
    }

    /// The next position of all lists, which is taken from each that has it.
    fn next(&mut self) -> Option<u64> {
        let heads = self.lists.iter().filter_map(|list| list.fetched.front().copied());
        let next = match self.direction {
            Direction::Forward => heads.min(),
            Direction::Backward => heads.max(),
        }?;
        for list in &mut self.lists {
            if list.fetched.front() == Some(&next) {
                list.fetched.pop_front();
            }
        }
        Some(next)
    }
}

/// The events at some positions.
pub(super) async fn fetch<T: Item>(
    source: &Source,
    positions: Vec<Position>,
    direction: Direction,
) -> Result<Vec<T>> {
    let entries = source.entries_with(&positions).await?;
    let mut runs = Runs::default();
    for position in positions {
        let at = entries.partition_point(|entry| entry.last < position);
        let place = entries.get(at).and_then(|entry| entry.place(position));
        let (stream, version) = place.ok_or_else(|| damaged("a place is missing"))?;
        runs.add(stream, version, 1);
    }
    let page = source.runs(&runs.into_vec()).await?;
    Ok(in_order(page, direction))
}

impl List {
    /// The command for the next part, which counts as fetched, and how many that is.
    fn chunk(&mut self, is_forward: bool) -> (Command, u64) {
        let (first, last) = match is_forward {
            true => (self.low, (self.low + CHUNK).min(self.high) - 1),
            false => (self.high.saturating_sub(CHUNK).max(self.low), self.high - 1),
        };
        match is_forward {
            true => self.low = last + 1,
            false => self.high = first,
        }
        (Command::new("LRANGE").key(&self.key).arg(first).arg(last), last + 1 - first)
    }
}

/// A list for each alternative of the query, or several; that of the category, where the
/// query asks for anything.
fn keys(source: &Source, read: &Read, tenant: Option<&Tenant>) -> Vec<String> {
    let mut keys = Vec::new();
    for item in read.query.items() {
        match item.tags.first() {
            Some(tag) => keys.push(source.keys.tag(tenant, tag)),
            None if !item.types.is_empty() => {
                keys.extend(item.types.iter().map(|name| source.keys.event_type(tenant, name)));
            }
            None => {
                return match &read.selection {
                    Selection::Category(category) => vec![source.keys.category(tenant, category)],
                    _ => Vec::new(),
                };
            }
        }
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}
