//! A batch as the statement takes it that appends behind a known position, without the lock.

use es_core::{LogId, Result};
use tokio_postgres::{Row, types::Type};

use super::Batch;
use crate::{append::answer::Answers, ask::Typed, error::damaged, read::Micros};

/// What that statement needs besides the batch, and what its answer is read with.
pub(in crate::append) struct Behind {
    position: i64,
    /// By stream: what the first append of it expects.
    expected: Vec<i64>,
    /// By item: how many events the batch has before it, in all and for its stream.
    before: Vec<(i64, i64)>,
    /// By event: the place behind the position, the stream, the place behind its version.
    place: Vec<i64>,
    number: Vec<i32>,
    version: Vec<i64>,
}

impl Behind {
    /// The batch behind `position`; nothing if that statement cannot decide it: where there are
    /// conditions, streams that are only looked at, or a stream of which the second append
    /// expects what the first one's answer would have to tell.
    pub(in crate::append) fn of(batch: &Batch<'_>, position: i64) -> Option<Self> {
        let Batch { streams, items, events, conditions, careful, .. } = batch;
        if *careful || !conditions.append.is_empty() || items.count.contains(&0) {
            return None;
        }
        let mut known: Vec<Option<(i64, i64)>> = vec![None; streams.len()];
        let (mut before, mut written) = (Vec::with_capacity(items.count.len()), 0_i64);
        for ((&stream, &expected), &count) in
            items.stream.iter().zip(&items.expected).zip(&items.count)
        {
            let stream = known.get_mut(index(stream))?;
            let (first, so_far) = *stream.get_or_insert((expected, 0));
            let is_so = match expected {
                _ if so_far == 0 => true,
                // Whatever the first one did, there is a stream behind it.
                expected if expected < 0 => true,
                expected => first >= 0 && expected == first + so_far,
            };
            if !is_so {
                return None;
            }
            before.push((written, so_far));
            *stream = Some((first, so_far + i64::from(count)));
            written += i64::from(count);
        }
        let expected = known.iter().map(|stream| stream.map(|(first, _)| first));
        let mut behind = Self {
            position,
            expected: expected.collect::<Option<_>>()?,
            place: Vec::with_capacity(events.id.len()),
            number: Vec::with_capacity(events.id.len()),
            version: Vec::with_capacity(events.id.len()),
            before,
        };
        for (&item, &offset) in events.item.iter().zip(&events.offset) {
            let (in_all, in_stream) = *behind.before.get(index(item))?;
            behind.place.push(in_all + i64::from(offset) + 1);
            behind.number.push(*items.stream.get(index(item))?);
            behind.version.push(in_stream + i64::from(offset) + 1);
        }
        Some(behind)
    }

    /// The arguments in the order of the statement's.
    pub(in crate::append) fn arguments<'v>(&'v self, batch: &'v Batch<'_>) -> Vec<Typed<'v>> {
        let mut arguments: Vec<Typed<'v>> = vec![
            (&batch.log, Type::UUID),
            (&self.position, Type::INT8),
            (&batch.streams, Type::UUID_ARRAY),
            (&batch.keys, Type::TEXT_ARRAY),
            (&self.expected, Type::INT8_ARRAY),
        ];
        arguments.extend(batch.families.columns());
        arguments.extend::<[Typed<'v>; 3]>([
            (&self.place, Type::INT8_ARRAY),
            (&self.number, Type::INT4_ARRAY),
            (&self.version, Type::INT8_ARRAY),
        ]);
        arguments.extend(batch.events.columns());
        arguments
    }

    /// Reads the row that comes back when all was written.
    pub(in crate::append) fn answers(
        &self,
        batch: &Batch<'_>,
        log: LogId,
        row: &Row,
    ) -> Result<Answers> {
        let read = || -> Result<(Micros, Vec<i64>), tokio_postgres::Error> {
            Ok((row.try_get(0)?, row.try_get(1)?))
        };
        let (at, versions) = read().map_err(damaged)?;
        let firsts = self.before.iter().map(|(in_all, _)| self.position + in_all + 1).collect();
        let bases = batch.items.stream.iter().zip(&self.before);
        let bases = bases.map(|(stream, (_, in_stream))| {
            let version = versions.get(index(*stream));
            version.map(|version| version + in_stream).ok_or_else(|| damaged("a stream is missing"))
        });
        let appends = batch.items.append.last().map_or(0, |last| index(*last) + 1);
        Ok(Answers::taken(log, at.into(), appends, firsts, bases.collect::<Result<_>>()?))
    }
}

/// What SQL counts from 1, as an index.
fn index(number: i32) -> usize {
    usize::try_from(number - 1).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
