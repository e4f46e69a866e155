//! One read through upcasters: from the store's events to the events of the reader.
//!
//! *Hazard.* A limit counts events as the reader sees them, and how many those are is known
//! only after upcasting: passed on to the store, a limit would yield too few where events
//! are dropped or filtered out. Left away, a store would fetch a page for one event.
//! *Mechanism.* The store is asked for as many events as are wanted. When it has given all
//! of these and some are still wanted, it is asked for twice as many from there on.
//! *Why it is sound.* Nothing appears at or below a position that was seen (L2), so the
//! reads together see the log as it is at the last of them, or going backward, at the first.
//! *Cost.* One read where every event becomes one, which is the common case.

use std::vec;

use futures_util::{StreamExt, stream};

use super::{Upcasters, widen};
use crate::{
    Backend, Direction, Envelope, Error, ErrorKind, PageStream, Part, Position, Query, Read,
    Recorded, Result, Selection,
};

/// How long a page may get before it is handed on, give or take the parts of one event.
const PAGE: usize = 1024;

/// A read that is under way.
pub(super) struct Reading {
    upcasters: Upcasters,
    store: Backend,
    /// What the reader wants, by type and tag.
    wanted: Query,
    /// What the store is asked for.
    read: Read,
    /// How many events may still be yielded.
    left: Option<u64>,
    pages: Option<PageStream>,
    /// How many events the read under way has given.
    given: u64,
    page: vec::IntoIter<Recorded>,
    failed: Option<Error>,
}

impl Reading {
    pub(super) fn new(upcasters: Upcasters, store: Backend, mut read: Read) -> Self {
        let widened = widen::for_reading(upcasters.chains(), &read.query);
        let wanted = std::mem::replace(&mut read.query, widened);
        let pages = Some(store.read(read.clone()));
        Self {
            upcasters,
            store,
            wanted,
            left: read.limit,
            read,
            pages,
            given: 0,
            page: Vec::new().into_iter(),
            failed: None,
        }
    }

    pub(super) fn into_pages(self) -> PageStream {
        Box::pin(stream::unfold(self, |mut reading| async move {
            let page = reading.next_page().await?;
            Some((page, reading))
        }))
    }

    async fn next_page(&mut self) -> Option<Result<Vec<Recorded>>> {
        loop {
            let mut page = Vec::with_capacity(self.page.len().min(PAGE));
            while page.len() < PAGE && self.left != Some(0) {
                let Some(recorded) = self.page.next() else { break };
                if let Err(error) = self.take(recorded, &mut page) {
                    self.end(Some(error));
                }
            }
            if self.left == Some(0) {
                self.end(None);
            }
            if !page.is_empty() {
                return Some(Ok(page));
            }
            if let Some(error) = self.failed.take() {
                return Some(Err(error));
            }
            match self.pages.as_mut()?.next().await {
                Some(Ok(page)) => self.page = page.into_iter(),
                Some(Err(error)) => self.end(Some(error)),
                None => self.read_on(),
            }
        }
    }

    /// Adds what the reader wants of one event of the store.
    fn take(&mut self, recorded: Recorded, page: &mut Vec<Recorded>) -> Result<()> {
        self.given = self.given.saturating_add(1);
        self.go_on_behind(recorded.position);
        match recorded.part {
            Part::Whole if self.upcasters.is_old(&recorded.schema) => {
                let parts = self.newest(&recorded)?;
                let left = self.left.and_then(|left| usize::try_from(left).ok());
                parts.into_iter().take(left.unwrap_or(usize::MAX)).for_each(|p| self.add(p, page));
            }
            Part::Whole if self.wanted.matches(&recorded.schema, &recorded.tags) => {
                self.add(recorded, page);
            }
            Part::Dropped if self.tells_of_dropped(&recorded) => self.add(recorded, page),
            Part::Whole | Part::Dropped => {}
            Part::Split { .. } => return Err(split_below(&recorded)),
        }
        Ok(())
    }

    fn add(&mut self, recorded: Recorded, page: &mut Vec<Recorded>) {
        if !recorded.part.is_dropped() {
            self.left = self.left.map(|left| left.saturating_sub(1));
        }
        page.push(recorded);
    }

    /// What the reader wants of an event in an old form, in the order of the read.
    fn newest(&self, recorded: &Recorded) -> Result<Vec<Recorded>> {
        let newest = self.upcasters.upcast(&recorded.schema, &recorded.payload);
        let newest = newest.map_err(|error| error.at_event(recorded))?;
        let Ok(of) = u16::try_from(newest.len()) else {
            let why =
                format!("it was split into {} events; {} are allowed", newest.len(), u16::MAX);
            return Err(Error::undecodable(&recorded.schema, why).at_event(recorded));
        };
        if of == 0 {
            let envelope = Envelope { part: Part::Dropped, ..(**recorded).clone() };
            let told = self.tells_of_dropped(recorded);
            return Ok(told.then(|| envelope.into()).into_iter().collect());
        }
        let mut parts: Vec<_> = (0..of)
            .zip(newest)
            .filter(|(_, (schema, _))| self.wanted.matches(schema, &recorded.tags))
            .collect();
        if self.read.direction == Direction::Backward {
            parts.reverse();
        }
        let last = parts.last().map(|(index, _)| *index);
        let whole = |(index, (schema, payload))| {
            let part = match of {
                1 => Part::Whole,
                of => Part::Split { index, of, last: Some(index) == last },
            };
            Envelope { schema, payload, part, ..(**recorded).clone() }.into()
        };
        Ok(parts.into_iter().map(whole).collect())
    }

    /// Whether the reader is to know where an event was that is dropped: when it named the
    /// stream or the event, and any type would do.
    fn tells_of_dropped(&self, recorded: &Recorded) -> bool {
        let named = matches!(self.read.selection, Selection::Stream(_) | Selection::Event(_));
        named && self.wanted.matches_of_any_type(&recorded.tags)
    }

    fn go_on_behind(&mut self, position: Position) {
        match self.read.direction {
            Direction::Forward => self.read.after = Some(position),
            Direction::Backward => {
                self.read.until = Some(Position::new(position.get().saturating_sub(1)));
            }
        }
    }

    /// Asks the store for more, if it has given all that it was asked for.
    fn read_on(&mut self) {
        self.pages = match self.read.limit {
            Some(asked) if self.given >= asked => {
                self.given = 0;
                self.read.limit = Some(asked.saturating_mul(2));
                Some(self.store.read(self.read.clone()))
            }
            _ => None,
        };
    }

    fn end(&mut self, error: Option<Error>) {
        self.pages = None;
        self.page = Vec::new().into_iter();
        self.failed = error;
    }
}

fn split_below(recorded: &Recorded) -> Error {
    let what = format!(
        "the event at position {} was split by upcasters below these: put all steps into one set",
        recorded.position
    );
    Error::new(ErrorKind::Unsupported, what)
}
