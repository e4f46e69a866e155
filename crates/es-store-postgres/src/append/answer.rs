//! What the functions return, as receipts and refusals.

use es_core::{
    AppendRequest, ConditionFailed, Conflict, EventId, LogId, Position, Receipt, Result, StreamId,
    Timestamp, Version,
};
use tokio_postgres::Row;

use crate::{
    error::damaged,
    read::{Micros, unsigned},
};

/// What was decided of one append.
pub(super) enum Decision {
    Done(Result<Receipt>),
    /// This event of it is there already, so it is a repetition or a clash.
    Repeated(EventId),
}

/// The one row that the function for many appends returns.
pub(super) struct Answers {
    log: LogId,
    at: Timestamp,
    codes: Vec<i32>,
    details: Vec<i32>,
    places: Vec<i64>,
    firsts: Vec<i64>,
    bases: Vec<i64>,
    append: usize,
    item: usize,
    event: usize,
    condition: usize,
}

impl Answers {
    pub(super) fn of(row: &Row, log: LogId) -> Result<Self> {
        let read = || -> Result<Self, tokio_postgres::Error> {
            Ok(Self {
                log,
                at: row.try_get::<_, Micros>(0)?.into(),
                codes: row.try_get(1)?,
                details: row.try_get(2)?,
                places: row.try_get(3)?,
                firsts: row.try_get(4)?,
                bases: row.try_get(5)?,
                append: 0,
                item: 0,
                event: 0,
                condition: 0,
            })
        };
        read().map_err(damaged)
    }

    /// Answers to `appends` that were all taken.
    pub(super) fn taken(
        log: LogId,
        at: Timestamp,
        appends: usize,
        firsts: Vec<i64>,
        bases: Vec<i64>,
    ) -> Self {
        let (codes, details, places) = (vec![0; appends], vec![0; appends], vec![0; appends]);
        let (append, item, event, condition) = (0, 0, 0, 0);
        Self { log, at, codes, details, places, firsts, bases, append, item, event, condition }
    }

    /// The answer to the next append of the batch.
    pub(super) fn next(&mut self, request: &AppendRequest) -> Result<Decision> {
        let (item, event, condition) = (self.item, self.event, self.condition);
        self.item += request.streams().len() + request.required().len();
        self.event += request.event_count();
        self.condition += request.unless().len();
        let (code, detail, place) = (
            self.codes.get(self.append),
            self.details.get(self.append),
            self.places.get(self.append),
        );
        let (Some(&code), Some(&detail), Some(&place)) = (code, detail, place) else {
            return Err(damaged("an append was not answered"));
        };
        self.append += 1;
        // What is counted from 1 over the whole batch, counted from 0 within this append.
        let within = |begin: usize| usize::try_from(detail).ok()?.checked_sub(begin + 1);
        match code {
            0 => self.receipt(request, item).map(|receipt| Decision::Done(Ok(receipt))),
            1 => conflict(request, within(item), place),
            2 => {
                let known = within(event).and_then(|at| request.events().nth(at));
                let (_, known) = known.ok_or_else(|| damaged("no such event"))?;
                Ok(Decision::Repeated(known.id))
            }
            3 => condition_failed(request, within(condition), place),
            _ => Err(damaged(format!("an answer of {code}"))),
        }
    }

    fn receipt(&self, request: &AppendRequest, item: usize) -> Result<Receipt> {
        let mut versions: Vec<(StreamId, Version)> = Vec::with_capacity(request.streams().len());
        let first = self.firsts.get(item).copied().unwrap_or_default();
        let mut last = first;
        for (at, write) in (item..).zip(request.streams()) {
            let count = i64::try_from(write.events.len()).map_err(damaged)?;
            let place = (self.firsts.get(at).copied(), self.bases.get(at).copied());
            let (Some(begin), Some(base)) = place else {
                return Err(damaged("a stream was not answered"));
            };
            last = begin + count - 1;
            versions.push((write.stream.clone(), Version::new(unsigned(base + count)?)?));
        }
        let (first, last) = (Position::new(unsigned(first)?), Position::new(unsigned(last)?));
        Ok(Receipt::new(self.log, first, last, self.at, versions))
    }
}

/// Which stream was not as expected.
pub(super) fn conflict(
    request: &AppendRequest,
    item: Option<usize>,
    version: i64,
) -> Result<Decision> {
    let written = request.streams().iter().map(|write| (&write.stream, write.expected));
    let required = request.required().iter().map(|demand| (&demand.stream, demand.expected));
    let named = item.and_then(|item| written.chain(required).nth(item));
    let (stream, expected) = named.ok_or_else(|| damaged("no such stream"))?;
    let actual = match unsigned(version)? {
        0 => None,
        version => Some(Version::new(version)?),
    };
    Ok(Decision::Done(Err(Conflict::new(stream.clone(), expected, actual).into())))
}

fn condition_failed(
    request: &AppendRequest,
    condition: Option<usize>,
    position: i64,
) -> Result<Decision> {
    let unless = condition.and_then(|at| request.unless().get(at));
    let unless = unless.ok_or_else(|| damaged("no such condition"))?;
    let found = Position::new(unsigned(position)?);
    let failed = ConditionFailed::new(unless.query.clone(), unless.after, found);
    Ok(Decision::Done(Err(failed.into())))
}
