//! Dead letters: parked, released, listed.

use es_core::{DeadLetter, EventId, Position, Progress, Release, Result, StreamId, SubscriberName};
use tokio_postgres::{GenericClient, Row, types::Type};
use uuid::Uuid;

use super::text;
use crate::{
    append::signed,
    ask::Typed,
    error::{damaged, from_model},
    names::Names,
    read::{Micros, unsigned},
};

/// The statements, with the names of the tables in them.
#[derive(Debug)]
pub(crate) struct Sql {
    park: String,
    handled: String,
    forget_behind: String,
    skip: String,
    parked: String,
    skipped: String,
    streams: String,
}

const COLUMNS: &str = "position, event, stream, cause, attempts, first_failed_at, last_failed_at";

impl Sql {
    pub(super) fn new(names: &Names) -> Self {
        Self {
            park: names.sql(&format!(
                "INSERT INTO {{es}}dead_letters (subscriber, {COLUMNS}) \
                 SELECT $1, * FROM unnest($2::bigint[], $3::uuid[], $4::text[], $5::text[], \
                 $6::integer[], $7::timestamptz[], $8::timestamptz[]) \
                 ON CONFLICT (subscriber, position) DO UPDATE SET event = excluded.event, \
                 stream = excluded.stream, cause = excluded.cause, attempts = excluded.attempts, \
                 first_failed_at = excluded.first_failed_at, \
                 last_failed_at = excluded.last_failed_at"
            )),
            handled: names
                .sql("DELETE FROM {es}dead_letters WHERE subscriber = $1 AND position = ANY ($2)"),
            forget_behind: names.sql(
                "WITH skipped AS (DELETE FROM {es}skipped WHERE subscriber = $1 AND position > $2) \
                 DELETE FROM {es}dead_letters WHERE subscriber = $1 AND position > $2",
            ),
            skip: names.sql(&format!(
                "WITH released AS (DELETE FROM {{es}}dead_letters d \
                 USING unnest($2::bigint[], $3::text[]) r(at, reason) \
                 WHERE d.subscriber = $1 AND d.position = r.at RETURNING d.*, r.reason) \
                 INSERT INTO {{es}}skipped (subscriber, {COLUMNS}, reason) \
                 SELECT subscriber, {COLUMNS}, reason FROM released \
                 ON CONFLICT (subscriber, position) DO UPDATE SET reason = excluded.reason, \
                 cause = excluded.cause, attempts = excluded.attempts, \
                 first_failed_at = excluded.first_failed_at, \
                 last_failed_at = excluded.last_failed_at"
            )),
            parked: names.sql(&format!(
                "SELECT {COLUMNS} FROM {{es}}dead_letters WHERE subscriber = $1 \
                 AND position > $2 ORDER BY position LIMIT $3"
            )),
            skipped: names.sql(&format!(
                "SELECT {COLUMNS}, reason FROM {{es}}skipped WHERE subscriber = $1 \
                 AND position > $2 ORDER BY position LIMIT $3"
            )),
            streams: names.sql(
                "SELECT stream, min(position) FROM {es}dead_letters WHERE subscriber = $1 \
                 GROUP BY stream ORDER BY 2",
            ),
        }
    }
}

/// Releases and parks what `progress` says. Letters are released before others are parked,
/// so a position that is named in both stays parked.
pub(super) async fn change(
    client: &(impl GenericClient + Sync),
    sql: &Sql,
    progress: &Progress,
) -> Result<()> {
    let name = progress.subscriber.as_str();
    let (mut handled, mut skipped, mut reasons) = (Vec::new(), Vec::new(), Vec::new());
    for release in &progress.released {
        let position = signed(release.position().get());
        // Of several words on one letter the first counts: then it is gone.
        if handled.contains(&position) || skipped.contains(&position) {
            continue;
        }
        match release {
            Release::Skipped(_, reason) => {
                skipped.push(position);
                reasons.push(text(reason));
            }
            _ => handled.push(position),
        }
    }
    let fails = from_model;
    if progress.moves_back {
        let position = signed(progress.position.get());
        let values: [Typed<'_>; 2] = [(&name, Type::TEXT), (&position, Type::INT8)];
        client.execute_typed(&sql.forget_behind, &values).await.map_err(fails)?;
    }
    if !handled.is_empty() {
        let values: [Typed<'_>; 2] = [(&name, Type::TEXT), (&handled, Type::INT8_ARRAY)];
        client.execute_typed(&sql.handled, &values).await.map_err(fails)?;
    }
    if !skipped.is_empty() {
        let values: [Typed<'_>; 3] =
            [(&name, Type::TEXT), (&skipped, Type::INT8_ARRAY), (&reasons, Type::TEXT_ARRAY)];
        client.execute_typed(&sql.skip, &values).await.map_err(fails)?;
    }
    if !progress.parked.is_empty() {
        park(client, sql, name, &progress.parked).await?;
    }
    Ok(())
}

async fn park(
    client: &(impl GenericClient + Sync),
    sql: &Sql,
    name: &str,
    letters: &[DeadLetter],
) -> Result<()> {
    // Of several letters at one position the last one stays, and one statement cannot
    // write a row twice.
    let mut last: Vec<&DeadLetter> = Vec::with_capacity(letters.len());
    for letter in letters.iter().rev() {
        if !last.iter().any(|later| later.position == letter.position) {
            last.push(letter);
        }
    }
    let of = |letter: &&DeadLetter| signed(letter.position.get());
    let positions: Vec<i64> = last.iter().map(of).collect();
    let events: Vec<Uuid> = last.iter().map(|letter| letter.event.as_uuid()).collect();
    let streams: Vec<String> = last.iter().map(|letter| letter.stream.to_string()).collect();
    let causes: Vec<Option<String>> =
        last.iter().map(|letter| letter.cause.as_deref().map(text)).collect();
    let attempts: Vec<i32> =
        last.iter().map(|letter| i32::try_from(letter.attempts).unwrap_or(i32::MAX)).collect();
    let first: Vec<Micros> = last.iter().map(|letter| letter.first_failed_at.into()).collect();
    let latest: Vec<Micros> = last.iter().map(|letter| letter.last_failed_at.into()).collect();
    let values: [Typed<'_>; 8] = [
        (&name, Type::TEXT),
        (&positions, Type::INT8_ARRAY),
        (&events, Type::UUID_ARRAY),
        (&streams, Type::TEXT_ARRAY),
        (&causes, Type::TEXT_ARRAY),
        (&attempts, Type::INT4_ARRAY),
        (&first, Type::TIMESTAMPTZ_ARRAY),
        (&latest, Type::TIMESTAMPTZ_ARRAY),
    ];
    let parked = client.execute_typed(&sql.park, &values).await;
    parked.map(drop).map_err(from_model)
}

pub(super) async fn parked(
    client: &(impl GenericClient + Sync),
    sql: &Sql,
    name: &SubscriberName,
    after: Position,
    limit: usize,
) -> Result<Vec<DeadLetter>> {
    let rows = list(client, &sql.parked, name, after, limit).await?;
    rows.iter().map(|row| letter(name, row)).collect()
}

pub(super) async fn skipped(
    client: &(impl GenericClient + Sync),
    sql: &Sql,
    name: &SubscriberName,
    after: Position,
    limit: usize,
) -> Result<Vec<(DeadLetter, String)>> {
    let rows = list(client, &sql.skipped, name, after, limit).await?;
    rows.iter().map(|row| Ok((letter(name, row)?, row.try_get(7).map_err(damaged)?))).collect()
}

pub(super) async fn streams(
    client: &(impl GenericClient + Sync),
    sql: &Sql,
    name: &SubscriberName,
) -> Result<Vec<(StreamId, Position)>> {
    let rows = client
        .query_typed(&sql.streams, &[(&name.as_str(), Type::TEXT)])
        .await
        .map_err(from_model)?;
    let read = |row: &Row| -> Result<(StreamId, Position)> {
        let stream: &str = row.try_get(0).map_err(damaged)?;
        let position = unsigned(row.try_get(1).map_err(damaged)?)?;
        Ok((stream.parse().map_err(damaged)?, Position::new(position)))
    };
    rows.iter().map(read).collect()
}

async fn list(
    client: &(impl GenericClient + Sync),
    sql: &str,
    name: &SubscriberName,
    after: Position,
    limit: usize,
) -> Result<Vec<Row>> {
    let values: [Typed<'_>; 3] = [
        (&name.as_str(), Type::TEXT),
        (&signed(after.get()), Type::INT8),
        (&signed(limit as u64), Type::INT8),
    ];
    client.query_typed(sql, &values).await.map_err(from_model)
}

fn letter(name: &SubscriberName, row: &Row) -> Result<DeadLetter> {
    let position = Position::new(unsigned(row.try_get(0).map_err(damaged)?)?);
    let event = EventId::from_uuid(row.try_get(1).map_err(damaged)?);
    let stream: &str = row.try_get(2).map_err(damaged)?;
    let stream = stream.parse().map_err(damaged)?;
    let mut letter = DeadLetter::waiting(name.clone(), position, event, stream);
    letter.cause = row.try_get(3).map_err(damaged)?;
    letter.attempts = u32::try_from(row.try_get::<_, i32>(4).map_err(damaged)?).map_err(damaged)?;
    letter.first_failed_at = row.try_get::<_, Micros>(5).map_err(damaged)?.into();
    letter.last_failed_at = row.try_get::<_, Micros>(6).map_err(damaged)?.into();
    Ok(letter)
}
