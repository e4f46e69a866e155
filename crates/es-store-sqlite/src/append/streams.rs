//! What the writer knows of the log without asking: numbers of names, last versions, the
//! end of the log.

use std::collections::HashMap;

use es_core::{Category, EventType, Result, StreamId, Tenant, Version};
use rusqlite::Connection;

use crate::{
    error::from_driver,
    read::{signed, stream_number, unsigned},
};

/// How many streams are kept; then it begins anew, so that memory stays bounded.
const KEPT: usize = 50_000;

/// What the writer knows. It is true as long as only this connection writes and nothing is
/// rolled back; whoever sees one of the two end clears it.
#[derive(Default)]
pub(super) struct Known {
    streams: HashMap<StreamId, KnownStream>,
    families: HashMap<(Category, Option<Tenant>, EventType), i64>,
    pub(super) head: i64,
    pub(super) recorded_at: i64,
}

#[derive(Clone, Copy)]
struct KnownStream {
    /// `None` for a stream that has no row yet.
    number: Option<i64>,
    /// 0 for a stream without events.
    version: i64,
}

impl Known {
    /// Asks anew for all there is to know.
    pub(super) fn refresh(&mut self, connection: &Connection) -> Result<()> {
        self.streams.clear();
        self.families.clear();
        (self.head, self.recorded_at) = end(connection)?;
        Ok(())
    }

    /// Asks anew if somebody else has appended. Others may write to the same file without
    /// touching the log.
    pub(super) fn refresh_if_behind(&mut self, connection: &Connection) -> Result<()> {
        if end(connection)?.0 == self.head { Ok(()) } else { self.refresh(connection) }
    }

    pub(super) fn version(
        &mut self,
        connection: &Connection,
        stream: &StreamId,
    ) -> Result<Option<Version>> {
        let version = self.stream(connection, stream)?.version;
        if version == 0 { Ok(None) } else { Version::new(unsigned(version)?).map(Some) }
    }

    /// The number of a stream that has one, or that gets its row now.
    pub(super) fn number(&mut self, connection: &Connection, stream: &StreamId) -> Result<i64> {
        let known = self.stream(connection, stream)?;
        if let Some(number) = known.number {
            return Ok(number);
        }
        let number = insert_stream(connection, stream).map_err(from_driver)?;
        self.streams.insert(stream.clone(), KnownStream { number: Some(number), ..known });
        Ok(number)
    }

    pub(super) fn has_row(&mut self, connection: &Connection, stream: &StreamId) -> Result<bool> {
        Ok(self.stream(connection, stream)?.number.is_some())
    }

    /// Notes what was written.
    pub(super) fn set_version(&mut self, stream: &StreamId, version: Version) {
        if let Some(known) = self.streams.get_mut(stream) {
            known.version = signed(version.get());
        }
    }

    pub(super) fn family(
        &mut self,
        connection: &Connection,
        stream: &StreamId,
        event_type: &EventType,
    ) -> Result<i64> {
        let key = (stream.category().clone(), stream.tenant().cloned(), event_type.clone());
        if let Some(&number) = self.families.get(&key) {
            return Ok(number);
        }
        let number = family_number(connection, stream, event_type).map_err(from_driver)?;
        self.families.insert(key, number);
        Ok(number)
    }

    fn stream(&mut self, connection: &Connection, stream: &StreamId) -> Result<KnownStream> {
        if let Some(&known) = self.streams.get(stream) {
            return Ok(known);
        }
        let number = stream_number(connection, stream)?;
        let version = match number {
            None => 0,
            Some(number) => last_version(connection, number).map_err(from_driver)?,
        };
        if self.streams.len() >= KEPT {
            self.streams.clear();
        }
        let known = KnownStream { number, version };
        self.streams.insert(stream.clone(), known);
        Ok(known)
    }
}

/// The position and the time of the last event.
fn end(connection: &Connection) -> Result<(i64, i64)> {
    let mut statement = connection
        .prepare_cached(
            "SELECT position, recorded_at FROM es_events ORDER BY position DESC LIMIT 1",
        )
        .map_err(from_driver)?;
    let mut rows = statement.query([]).map_err(from_driver)?;
    match rows.next().map_err(from_driver)? {
        None => Ok((0, i64::MIN)),
        Some(row) => Ok((row.get(0).map_err(from_driver)?, row.get(1).map_err(from_driver)?)),
    }
}

fn last_version(connection: &Connection, stream: i64) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT coalesce(max(version), 0) FROM es_events WHERE stream = ?1")?
        .query_row([stream], |row| row.get(0))
}

fn insert_stream(connection: &Connection, stream: &StreamId) -> rusqlite::Result<i64> {
    let tenant = stream.tenant().map_or("", |tenant| tenant.as_str());
    connection
        .prepare_cached("INSERT INTO es_streams (category, key, tenant) VALUES (?1, ?2, ?3)")?
        .insert((stream.category().as_str(), stream.key().as_str(), tenant))
}

fn family_number(
    connection: &Connection,
    stream: &StreamId,
    event_type: &EventType,
) -> rusqlite::Result<i64> {
    let tenant = stream.tenant().map_or("", |tenant| tenant.as_str());
    let names = (stream.category().as_str(), tenant, event_type.as_str());
    let found = connection
        .prepare_cached(
            "SELECT id FROM es_families WHERE category = ?1 AND tenant = ?2 AND type = ?3",
        )?
        .query_row(names, |row| row.get(0));
    match found {
        Err(rusqlite::Error::QueryReturnedNoRows) => connection
            .prepare_cached("INSERT INTO es_families (category, tenant, type) VALUES (?1, ?2, ?3)")?
            .insert(names),
        found => found,
    }
}
