//! The rules of progress, inside a transaction: who may move a checkpoint, and what becomes
//! of dead letters. They are those of the memory store.

use es_core::{
    Checkpoint, Diverged, Error, ErrorKind, EventId, Fenced, Invalid, LogId, Owner, Position,
    Progress, Result, SubscriberName, Timestamp,
};
use rusqlite::{Connection, OptionalExtension, Row};
use uuid::Uuid;

use super::letters;
use crate::{error::from_driver, read::unsigned};

/// Makes `owner` the owner of the checkpoint, and raises its epoch.
pub(super) fn claim(
    connection: &Connection,
    name: &SubscriberName,
    log: LogId,
    owner: &Owner,
) -> Result<Checkpoint> {
    let known = subscriber(connection, name)?;
    let epoch = known.as_ref().map_or(0, |known| known.epoch) + 1;
    let mut checkpoint = match known.and_then(|known| known.checkpoint) {
        Some(known) if known.log != log => return Err(replaced(known.log, log)),
        Some(known) => known,
        None => Checkpoint::first(name.clone(), log, owner.clone()),
    };
    checkpoint.epoch = epoch;
    checkpoint.owner = owner.clone();
    checkpoint.updated_at = Timestamp::now();
    let write = || -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "INSERT INTO es_subscribers (name, epoch, log, position, event, owner, updated_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (name) DO UPDATE SET
                     epoch = excluded.epoch, log = excluded.log, position = excluded.position,
                     event = excluded.event, owner = excluded.owner,
                     updated_at = excluded.updated_at",
            )?
            .execute(rusqlite::params![
                name.as_str(),
                checkpoint.epoch.cast_signed(),
                log.as_uuid().as_bytes(),
                checkpoint.position.get().cast_signed(),
                checkpoint.event.map(EventId::as_uuid).as_ref().map(Uuid::as_bytes),
                owner.as_str(),
                checkpoint.updated_at.as_micros(),
            ])
            .map(drop)
    };
    write().map_err(from_driver)?;
    Ok(checkpoint)
}

/// The subscriber's checkpoint, if there is one.
pub(super) fn checkpoint(
    connection: &Connection,
    name: &SubscriberName,
) -> Result<Option<Checkpoint>> {
    Ok(subscriber(connection, name)?.and_then(|known| known.checkpoint))
}

/// Makes progress, if it may be made.
///
/// Letters are released before others are parked, so a position that is named in both stays
/// parked.
pub(super) fn advance(connection: &Connection, progress: &Progress) -> Result<()> {
    let known = check(connection, progress)?;
    // An event proves the history at its own position only.
    let event = match progress.event {
        None if progress.position == known.position => known.event,
        event => event,
    };
    let name = &progress.subscriber;
    let write = || -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "UPDATE es_subscribers SET position = ?2, event = ?3, updated_at = ?4
                 WHERE name = ?1",
            )?
            .execute((
                name.as_str(),
                progress.position.get().cast_signed(),
                event.map(EventId::as_uuid).as_ref().map(Uuid::as_bytes),
                Timestamp::now().as_micros(),
            ))?;
        if progress.moves_back {
            letters::forget_behind(connection, name, progress.position)?;
        }
        for release in &progress.released {
            letters::release(connection, name, release)?;
        }
        for letter in &progress.parked {
            letters::park(connection, name, letter)?;
        }
        Ok(())
    };
    write().map_err(from_driver)
}

/// Forgets all but the epoch.
pub(super) fn forget(connection: &Connection, name: &SubscriberName) -> Result<()> {
    let forget = || -> rusqlite::Result<()> {
        connection.execute(
            "UPDATE es_subscribers
             SET log = NULL, position = NULL, event = NULL, owner = NULL, updated_at = NULL
             WHERE name = ?1",
            [name.as_str()],
        )?;
        letters::forget(connection, name)
    };
    forget().map_err(from_driver)
}

/// Says whether `progress` may be made, and gives the checkpoint that it moves.
fn check(connection: &Connection, progress: &Progress) -> Result<Checkpoint> {
    let name = &progress.subscriber;
    let Some(known) = checkpoint(connection, name)? else {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("nobody has claimed the checkpoint of {name}, or it was forgotten"),
        ));
    };
    if progress.epoch != known.epoch {
        return Err(Fenced::new(name.clone(), progress.epoch, known.epoch).into());
    }
    if progress.log != known.log {
        return Err(replaced(known.log, progress.log));
    }
    if progress.position < known.position && !progress.moves_back {
        return Err(Error::from(Invalid::Setting {
            setting: "the position of a checkpoint",
            value: format!("{} after {}", progress.position, known.position),
            remedy: "it only moves forward; say `Progress::back_to` to handle events again",
        }));
    }
    let letters = progress.parked.iter().map(|letter| letter.position);
    for position in letters.chain([progress.position]) {
        check_fits(position)?;
    }
    Ok(known)
}

fn check_fits(position: Position) -> Result<()> {
    if i64::try_from(position.get()).is_ok() {
        return Ok(());
    }
    Err(Error::from(Invalid::Setting {
        setting: "a position in SQLite",
        value: position.to_string(),
        remedy: "no log reaches that far: say where the event really is",
    }))
}

struct Subscriber {
    epoch: u64,
    checkpoint: Option<Checkpoint>,
}

fn subscriber(connection: &Connection, name: &SubscriberName) -> Result<Option<Subscriber>> {
    let mut statement = connection
        .prepare_cached(
            "SELECT epoch, log, position, event, owner, updated_at FROM es_subscribers
             WHERE name = ?1",
        )
        .map_err(from_driver)?;
    let found = statement
        .query_row([name.as_str()], |row| Ok((row.get::<_, i64>(0)?, Raw::of(row)?)))
        .optional()
        .map_err(from_driver)?;
    let Some((epoch, raw)) = found else { return Ok(None) };
    let epoch = unsigned(epoch)?;
    let checkpoint = raw.map(|raw| raw.checkpoint(name, epoch)).transpose()?;
    Ok(Some(Subscriber { epoch, checkpoint }))
}

/// A checkpoint as SQLite has it.
struct Raw {
    log: [u8; 16],
    position: i64,
    event: Option<[u8; 16]>,
    owner: String,
    updated_at: i64,
}

impl Raw {
    /// `None` for a checkpoint that was forgotten.
    fn of(row: &Row<'_>) -> rusqlite::Result<Option<Self>> {
        let Some(log) = row.get(1)? else { return Ok(None) };
        let (position, event) = (row.get(2)?, row.get(3)?);
        Ok(Some(Self { log, position, event, owner: row.get(4)?, updated_at: row.get(5)? }))
    }

    fn checkpoint(self, name: &SubscriberName, epoch: u64) -> Result<Checkpoint> {
        let log = LogId::from_uuid(Uuid::from_bytes(self.log));
        let mut checkpoint = Checkpoint::first(name.clone(), log, Owner::new(self.owner));
        checkpoint.position = Position::new(unsigned(self.position)?);
        checkpoint.event = self.event.map(|id| EventId::from_uuid(Uuid::from_bytes(id)));
        checkpoint.epoch = epoch;
        checkpoint.updated_at = Timestamp::from_micros(self.updated_at);
        Ok(checkpoint)
    }
}

fn replaced(expected: LogId, found: LogId) -> Error {
    Diverged::Replaced { expected, found }.into()
}
