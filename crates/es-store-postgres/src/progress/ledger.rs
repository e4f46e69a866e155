//! The rules of progress: who may move a checkpoint, and what becomes of dead letters.
//!
//! *Hazard.* A worker that was paused wakes up after another has claimed its checkpoint.
//! *Mechanism.* The statement that moves the checkpoint compares the epoch, the log and the
//! position; it runs in the transaction of the rows. *Why it is sound.* Two transactions
//! that move one checkpoint wait for each other at its row, and the second one compares
//! with what the first has written.

use es_core::{
    Checkpoint, Diverged, Error, ErrorKind, EventId, Fenced, Invalid, LogId, Owner, Position,
    Progress, Result, SubscriberName,
};
use tokio_postgres::{GenericClient, Row, types::Type};
use uuid::Uuid;

use super::{letters, text, tx::PgTx};
use crate::{
    append::signed,
    ask::Typed,
    error::{damaged, from_model, from_model_writing},
    names::Names,
    read::{Micros, unsigned},
};

/// What marks a transaction as ours: it ends with the transaction.
pub(super) const MARK: &str = "eventsource.transaction";

/// Whether it is still the transaction that was marked.
pub(super) const OPEN: &str =
    "coalesce(current_setting('eventsource.transaction', true), '') = 'open'";

/// An event proves the history at its own position only.
const ADVANCE: &str = "UPDATE {es}subscribers SET position = $4, updated_at = clock_timestamp(), \
     event = CASE WHEN $5::uuid IS NOT NULL OR $4 <> position THEN $5 ELSE event END \
     WHERE name = $1 AND epoch = $2 AND log = $3 AND (position <= $4 OR $6)";

/// The statements, with the names of the tables in them.
#[derive(Debug)]
pub(crate) struct Sql {
    claim: String,
    checkpoint: String,
    advance: String,
    /// The same in a transaction of ours, and only while that is what was begun.
    pub(super) advance_within: String,
    forget: String,
    pub(super) letters: letters::Sql,
}

impl Sql {
    pub(crate) fn new(names: &Names) -> Self {
        let columns = "log, position, event, epoch, owner, updated_at";
        Self {
            claim: names.sql(&format!(
                "INSERT INTO {{es}}subscribers AS s (name, epoch, log, owner) \
                 VALUES ($1, 1, $2, $3) ON CONFLICT (name) DO UPDATE \
                 SET epoch = s.epoch + 1, log = $2, owner = $3, updated_at = clock_timestamp() \
                 WHERE s.log IS NULL OR s.log = $2 RETURNING {columns}"
            )),
            checkpoint: names
                .sql(&format!("SELECT {columns} FROM {{es}}subscribers WHERE name = $1")),
            advance: names.sql(ADVANCE),
            advance_within: names.sql(&format!("{ADVANCE} AND ({OPEN})")),
            forget: names.sql(
                "WITH letters AS (DELETE FROM {es}dead_letters WHERE subscriber = $1), \
                 skipped AS (DELETE FROM {es}skipped WHERE subscriber = $1) \
                 UPDATE {es}subscribers SET log = NULL, position = 0, event = NULL, owner = '', \
                 updated_at = clock_timestamp() WHERE name = $1",
            ),
            letters: letters::Sql::new(names),
        }
    }
}

pub(super) async fn claim(
    client: &(impl GenericClient + Sync),
    sql: &Sql,
    name: &SubscriberName,
    log: LogId,
    owner: &Owner,
) -> Result<Checkpoint> {
    let row = client
        .query_typed_opt(
            &sql.claim,
            &[
                (&name.as_str(), Type::TEXT),
                (&log.as_uuid(), Type::UUID),
                (&text(owner.as_str()), Type::TEXT),
            ],
        )
        .await
        .map_err(from_model)?;
    match row {
        Some(row) => read(name, &row)?.ok_or_else(|| damaged("a claim without a log")),
        None => match checkpoint(client, sql, name).await? {
            Some(known) => Err(Diverged::Replaced { expected: known.log, found: log }.into()),
            None => {
                let message = "another worker forgot the checkpoint just now: claim again";
                Err(Error::new(ErrorKind::Busy, message))
            }
        },
    }
}

pub(super) async fn checkpoint(
    client: &(impl GenericClient + Sync),
    sql: &Sql,
    name: &SubscriberName,
) -> Result<Option<Checkpoint>> {
    let row = client
        .query_typed_opt(&sql.checkpoint, &[(&name.as_str(), Type::TEXT)])
        .await
        .map_err(from_model)?;
    row.map_or(Ok(None), |row| read(name, &row))
}

/// Moves the checkpoint by itself: what is committed by it is not undone when its reply is lost.
pub(super) async fn advance_alone(
    client: &(impl GenericClient + Sync),
    sql: &Sql,
    progress: &Progress,
) -> Result<()> {
    let moved = client.execute_typed(&sql.advance, &Moving::of(progress).values()).await;
    if moved.map_err(from_model_writing)? > 0 {
        return Ok(());
    }
    Err(refusal(progress, checkpoint(client, sql, &progress.subscriber).await?))
}

/// Moves the checkpoint and the letters, in a transaction.
pub(super) async fn advance(
    client: &(impl GenericClient + Sync),
    sql: &Sql,
    progress: &Progress,
) -> Result<()> {
    let moved = client.execute_typed(&sql.advance, &Moving::of(progress).values()).await;
    if moved.map_err(from_model)? > 0 {
        return letters::change(client, &sql.letters, progress).await;
    }
    Err(refusal(progress, checkpoint(client, sql, &progress.subscriber).await?))
}

/// The same in a transaction that is still the one that was begun, in one round trip.
pub(super) async fn advance_within(tx: &PgTx, sql: &Sql, progress: &Progress) -> Result<()> {
    let moved = tx.execute_again(&sql.advance_within, &Moving::of(progress).values()).await;
    if moved.map_err(from_model)? > 0 {
        return letters::change(&**tx, &sql.letters, progress).await;
    }
    tx.check().await?;
    Err(refusal(progress, checkpoint(&**tx, sql, &progress.subscriber).await?))
}

/// The values of the statement that moves a checkpoint, if it may be moved.
struct Moving<'p> {
    progress: &'p Progress,
    subscriber: &'p str,
    epoch: i64,
    log: Uuid,
    position: i64,
    event: Option<Uuid>,
}

impl<'p> Moving<'p> {
    fn of(progress: &'p Progress) -> Self {
        Self {
            progress,
            subscriber: progress.subscriber.as_str(),
            epoch: signed(progress.epoch),
            log: progress.log.as_uuid(),
            position: signed(progress.position.get()),
            event: progress.event.map(EventId::as_uuid),
        }
    }

    fn values(&self) -> [Typed<'_>; 6] {
        [
            (&self.subscriber, Type::TEXT),
            (&self.epoch, Type::INT8),
            (&self.log, Type::UUID),
            (&self.position, Type::INT8),
            (&self.event, Type::UUID),
            (&self.progress.moves_back, Type::BOOL),
        ]
    }
}

pub(super) async fn forget(
    client: &(impl GenericClient + Sync),
    sql: &Sql,
    name: &SubscriberName,
) -> Result<()> {
    let done = client.execute_typed(&sql.forget, &[(&name.as_str(), Type::TEXT)]).await;
    done.map(drop).map_err(from_model)
}

/// Why the checkpoint did not move.
fn refusal(progress: &Progress, known: Option<Checkpoint>) -> Error {
    let name = &progress.subscriber;
    let Some(known) = known else {
        let message = format!("nobody has claimed the checkpoint of {name}, or it was forgotten");
        return Error::new(ErrorKind::NotFound, message);
    };
    if progress.epoch != known.epoch {
        return Fenced::new(name.clone(), progress.epoch, known.epoch).into();
    }
    if progress.log != known.log {
        return Diverged::Replaced { expected: known.log, found: progress.log }.into();
    }
    Error::from(Invalid::Setting {
        setting: "the position of a checkpoint",
        value: format!("{} after {}", progress.position, known.position),
        remedy: "it only moves forward; say `Progress::back_to` to handle events again",
    })
}

/// The checkpoint in a row; none where it was forgotten.
fn read(name: &SubscriberName, row: &Row) -> Result<Option<Checkpoint>> {
    let Some(log) = row.try_get::<_, Option<Uuid>>(0).map_err(damaged)? else {
        return Ok(None);
    };
    let owner = Owner::new(row.try_get::<_, String>(4).map_err(damaged)?);
    let mut checkpoint = Checkpoint::first(name.clone(), LogId::from_uuid(log), owner);
    checkpoint.position = Position::new(unsigned(row.try_get(1).map_err(damaged)?)?);
    let event: Option<Uuid> = row.try_get(2).map_err(damaged)?;
    checkpoint.event = event.map(EventId::from_uuid);
    checkpoint.epoch = unsigned(row.try_get(3).map_err(damaged)?)?;
    checkpoint.updated_at = row.try_get::<_, Micros>(5).map_err(damaged)?.into();
    Ok(Some(checkpoint))
}
