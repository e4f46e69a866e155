//! Dead letters as rows: parked, released, listed.

use es_core::{
    Category, DeadLetter, EventId, Key, Position, Release, Result, StreamId, SubscriberName,
    Tenant, Timestamp,
};
use rusqlite::{Connection, Row};
use uuid::Uuid;

use crate::{
    error::{damaged, from_driver},
    read::{signed, unsigned},
};

/// The columns that the letters in both tables have.
macro_rules! columns {
    () => {
        "position, event, category, key, tenant, cause, attempts, first_failed_at, last_failed_at"
    };
}

pub(super) fn park(
    connection: &Connection,
    name: &SubscriberName,
    letter: &DeadLetter,
) -> rusqlite::Result<()> {
    let stream = &letter.stream;
    connection
        .prepare_cached(concat!(
            "INSERT OR REPLACE INTO es_dead_letters (subscriber, ",
            columns!(),
            ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
        ))?
        .execute(rusqlite::params![
            name.as_str(),
            signed(letter.position.get()),
            letter.event.as_uuid().as_bytes(),
            stream.category().as_str(),
            stream.key().as_str(),
            stream.tenant().map_or("", |tenant| tenant.as_str()),
            letter.cause,
            letter.attempts,
            letter.first_failed_at.as_micros(),
            letter.last_failed_at.as_micros(),
        ])
        .map(drop)
}

/// Takes a letter away, and keeps it among the skipped if it is given up. One that is not
/// there was released before.
pub(super) fn release(
    connection: &Connection,
    name: &SubscriberName,
    release: &Release,
) -> rusqlite::Result<()> {
    let place = (name.as_str(), signed(release.position().get()));
    if let Release::Skipped(_, reason) = release {
        connection
            .prepare_cached(concat!(
                "INSERT OR REPLACE INTO es_skipped (subscriber, ",
                columns!(),
                ", reason) SELECT subscriber, ",
                columns!(),
                ", ?3 FROM es_dead_letters WHERE subscriber = ?1 AND position = ?2"
            ))?
            .execute((place.0, place.1, reason))?;
    }
    connection
        .prepare_cached("DELETE FROM es_dead_letters WHERE subscriber = ?1 AND position = ?2")?
        .execute(place)
        .map(drop)
}

/// Takes all letters of a subscriber away, the skipped ones too.
pub(super) fn forget(connection: &Connection, name: &SubscriberName) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM es_dead_letters WHERE subscriber = ?1", [name.as_str()])?;
    connection.execute("DELETE FROM es_skipped WHERE subscriber = ?1", [name.as_str()]).map(drop)
}

/// Takes what was parked or given up behind `position` away: it comes again.
pub(super) fn forget_behind(
    connection: &Connection,
    name: &SubscriberName,
    position: Position,
) -> rusqlite::Result<()> {
    let place = (name.as_str(), signed(position.get()));
    connection
        .execute("DELETE FROM es_dead_letters WHERE subscriber = ?1 AND position > ?2", place)?;
    connection
        .execute("DELETE FROM es_skipped WHERE subscriber = ?1 AND position > ?2", place)
        .map(drop)
}

/// The letters behind `after`, by position.
pub(super) fn parked(
    connection: &Connection,
    name: &SubscriberName,
    after: Position,
    limit: usize,
) -> Result<Vec<DeadLetter>> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM es_dead_letters WHERE subscriber = ?1 AND position > ?2
         ORDER BY position LIMIT ?3"
    );
    listed(connection, sql, name, after, limit, |row| letter(row, name))
}

/// What was given up behind `after`, by position, with the reasons.
pub(super) fn skipped(
    connection: &Connection,
    name: &SubscriberName,
    after: Position,
    limit: usize,
) -> Result<Vec<(DeadLetter, String)>> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        ", reason FROM es_skipped WHERE subscriber = ?1 AND position > ?2
         ORDER BY position LIMIT ?3"
    );
    listed(connection, sql, name, after, limit, |row| {
        Ok((letter(row, name)?, row.get(9).map_err(from_driver)?))
    })
}

/// The streams that wait, by the position of their first letter.
pub(super) fn streams(
    connection: &Connection,
    name: &SubscriberName,
) -> Result<Vec<(StreamId, Position)>> {
    let mut statement = connection
        .prepare_cached(
            "SELECT category, key, tenant, min(position) AS first FROM es_dead_letters
             WHERE subscriber = ?1 GROUP BY tenant, category, key ORDER BY first",
        )
        .map_err(from_driver)?;
    let mut rows = statement.query([name.as_str()]).map_err(from_driver)?;
    let mut streams = Vec::new();
    while let Some(row) = rows.next().map_err(from_driver)? {
        let first = row.get(3).map_err(from_driver)?;
        streams.push((stream(row, 0)?, Position::new(unsigned(first)?)));
    }
    Ok(streams)
}

fn listed<T>(
    connection: &Connection,
    sql: &str,
    name: &SubscriberName,
    after: Position,
    limit: usize,
    each: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql).map_err(from_driver)?;
    let bounds = (name.as_str(), signed(after.get()), signed(limit as u64));
    let mut rows = statement.query(bounds).map_err(from_driver)?;
    let mut letters = Vec::new();
    while let Some(row) = rows.next().map_err(from_driver)? {
        letters.push(each(row)?);
    }
    Ok(letters)
}

fn letter(row: &Row<'_>, name: &SubscriberName) -> Result<DeadLetter> {
    let read = || -> rusqlite::Result<_> {
        let (position, event): (i64, [u8; 16]) = (row.get(0)?, row.get(1)?);
        let (cause, attempts): (Option<String>, u32) = (row.get(5)?, row.get(6)?);
        Ok((position, event, cause, attempts, row.get(7)?, row.get(8)?))
    };
    let (position, event, cause, attempts, first, last) = read().map_err(from_driver)?;
    let position = Position::new(unsigned(position)?);
    let event = EventId::from_uuid(Uuid::from_bytes(event));
    let mut letter = DeadLetter::waiting(name.clone(), position, event, stream(row, 2)?);
    letter.cause = cause;
    letter.attempts = attempts;
    letter.first_failed_at = Timestamp::from_micros(first);
    letter.last_failed_at = Timestamp::from_micros(last);
    Ok(letter)
}

/// The stream that three columns name, from column `at` on.
fn stream(row: &Row<'_>, at: usize) -> Result<StreamId> {
    let text = |at| row.get::<_, String>(at).map_err(from_driver);
    let category = Category::new(text(at)?).map_err(damaged)?;
    let plain = StreamId::of(category, Key::new(text(at + 1)?).map_err(damaged)?);
    let tenant = text(at + 2)?;
    if tenant.is_empty() {
        return Ok(plain);
    }
    Ok(plain.with_tenant(Tenant::new(tenant).map_err(damaged)?))
}
