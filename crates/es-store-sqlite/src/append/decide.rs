//! One append inside the writer's transaction: decided, then written.
//!
//! The order of the checks is the contract's: a repetition first, then what the append
//! expects of streams, then its conditions.

use es_core::{
    AppendRequest, ConditionFailed, Conflict, EventType, LogId, Position, Receipt, Result,
    Timestamp, Version,
};
use rusqlite::Connection;

use super::{
    ahead::{Looked, excluded},
    insert::{self, Insert, Place},
    repeat,
    streams::Known,
};
use crate::{
    error::{damaged, from_driver},
    read::{Names, signed, unsigned},
};

/// What is kept from one transaction to the next.
#[derive(Default)]
pub(super) struct Knowledge {
    pub(super) known: Known,
    pub(super) names: Names,
}

/// The one who decides: a connection in a transaction, and what is known.
pub(super) struct Decider<'c> {
    connection: &'c Connection,
    log: LogId,
    known: &'c mut Known,
    names: &'c mut Names,
    /// Looked up when it is first wanted.
    insert: Option<Insert<'c>>,
}

impl<'c> Decider<'c> {
    pub(super) fn new(
        connection: &'c Connection,
        log: LogId,
        knowledge: &'c mut Knowledge,
    ) -> Self {
        let Knowledge { known, names } = knowledge;
        Self { connection, log, known, names, insert: None }
    }

    /// Whether SQLite has rolled the transaction back by itself.
    pub(super) fn is_over(&self) -> bool {
        self.connection.is_autocommit()
    }

    /// Writes `request`, or nothing of it. `looked` is what was found of its conditions before.
    pub(super) fn append(
        &mut self,
        request: &AppendRequest,
        looked: &[Option<Looked>],
    ) -> Result<Receipt> {
        if let Err(conflict) = self.check_versions(request)? {
            return match self.repeated(request)? {
                Some(receipt) => Ok(receipt),
                None => Err(conflict.into()),
            };
        }
        if !request.unless().is_empty() {
            if let Some(receipt) = self.repeated(request)? {
                return Ok(receipt);
            }
            self.check_conditions(request, looked)?;
        }
        // A single row is written or not; more of them need something to go back to.
        if insert::is_one_row(request) && self.has_rows(request)? {
            let written = self.write(request)?;
            return self.or_repeated(request, written);
        }
        self.run("SAVEPOINT es_append")?;
        match self.write(request) {
            Ok(Some(receipt)) => {
                self.run("RELEASE es_append")?;
                Ok(receipt)
            }
            Ok(None) => {
                self.undo()?;
                self.or_repeated(request, None)
            }
            Err(error) => {
                self.undo()?;
                Err(error)
            }
        }
    }

    /// Without a receipt an id was there already: then this is a repetition, or a clash.
    fn or_repeated(
        &mut self,
        request: &AppendRequest,
        written: Option<Receipt>,
    ) -> Result<Receipt> {
        let receipt = match written {
            Some(receipt) => Some(receipt),
            None => self.repeated(request)?,
        };
        receipt.ok_or_else(|| damaged("an id is taken and not to be found"))
    }

    /// Makes everything since the savepoint undone.
    fn undo(&mut self) -> Result<()> {
        self.names.clear();
        // SQLite has rolled everything back itself where it ran out of room or of luck.
        if !self.connection.is_autocommit() {
            self.run("ROLLBACK TO es_append")?;
            self.run("RELEASE es_append")?;
            self.known.refresh(self.connection)?;
        }
        Ok(())
    }

    fn run(&self, sql: &str) -> Result<()> {
        let mut statement = self.connection.prepare_cached(sql).map_err(from_driver)?;
        statement.execute([]).map(drop).map_err(from_driver)
    }

    fn check_versions(&mut self, request: &AppendRequest) -> Result<Result<(), Conflict>> {
        let written = request.streams().iter().map(|write| (&write.stream, write.expected));
        let required = request.required().iter().map(|demand| (&demand.stream, demand.expected));
        for (stream, expected) in written.chain(required) {
            let actual = self.known.version(self.connection, stream)?;
            if !expected.admits(actual) {
                return Ok(Err(Conflict::new(stream.clone(), expected, actual)));
            }
        }
        Ok(Ok(()))
    }

    fn repeated(&mut self, request: &AppendRequest) -> Result<Option<Receipt>> {
        let Some(earlier) = repeat::find(self.connection, request)? else { return Ok(None) };
        repeat::answer(self.connection, self.names, self.log, request, &earlier).map(Some)
    }

    fn check_conditions(
        &mut self,
        request: &AppendRequest,
        looked: &[Option<Looked>],
    ) -> Result<()> {
        for (at, unless) in request.unless().iter().enumerate() {
            let looked = looked.get(at).copied().flatten();
            if let Some(found) =
                excluded(self.connection, self.names, unless, request.tenant(), looked)?
            {
                return Err(ConditionFailed::new(unless.query.clone(), unless.after, found).into());
            }
        }
        Ok(())
    }

    fn has_rows(&mut self, request: &AppendRequest) -> Result<bool> {
        for write in request.streams() {
            if !self.known.has_row(self.connection, &write.stream)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes the events behind the head; `None` once an id is there already.
    fn write(&mut self, request: &AppendRequest) -> Result<Option<Receipt>> {
        let head = self.known.head;
        // Never earlier than the event before it, whatever the clock does.
        let recorded_at = Timestamp::now().as_micros().max(self.known.recorded_at);
        let mut place = Place {
            position: head,
            stream: 0,
            version: 0,
            family: 0,
            recorded_at,
            part: 0,
            parts: signed(request.event_count() as u64),
        };
        let mut versions = Vec::with_capacity(request.streams().len());
        let insert = match &mut self.insert {
            Some(insert) => insert,
            none => none.insert(Insert::new(self.connection)?),
        };
        for write in request.streams() {
            let mut last = self.known.version(self.connection, &write.stream)?;
            place.stream = self.known.number(self.connection, &write.stream)?;
            let mut met: Option<(&EventType, i64)> = None;
            for event in &write.events {
                let version = last.map_or(Version::FIRST, Version::next);
                place.position += 1;
                place.version = signed(version.get());
                let name = &event.schema.name;
                place.family = match met {
                    Some((met, family)) if met == name => family,
                    _ => self.known.family(self.connection, &write.stream, name)?,
                };
                met = Some((name, place.family));
                if !insert.event(event, &place)? {
                    return Ok(None);
                }
                place.part += 1;
                last = Some(version);
            }
            versions.push((write.stream.clone(), last.unwrap_or(Version::FIRST)));
        }
        for (stream, version) in &versions {
            self.known.set_version(stream, *version);
        }
        self.known.head = place.position;
        self.known.recorded_at = recorded_at;
        Ok(Some(Receipt::new(
            self.log,
            Position::new(unsigned(head + 1)?),
            Position::new(unsigned(place.position)?),
            Timestamp::from_micros(recorded_at),
            versions,
        )))
    }
}
