//! Appending within a transaction that is the caller's.
//!
//! # Hazard
//! A transaction at REPEATABLE READ or SERIALIZABLE sees the log as it was at its first
//! statement: decided on that, a conflict may be none, and a repetition be missed.
//! # Mechanism
//! The lock is taken by a statement that takes no snapshot. Behind it, such a transaction
//! asks whether it sees the whole log: an insert behind the last event that it sees meets
//! the unique index, which no snapshot deceives.
//! # Why it is sound
//! Whoever holds the lock is the only writer until the transaction ends, so what is seen
//! once is all there is.
//! # What it costs
//! Everybody else's appends wait until the caller commits.

use es_core::{AppendRequest, Error, ErrorKind, LogId, Receipt, Result};
use tokio_postgres::{GenericClient, SimpleQueryMessage, types::Type};

use super::{
    answer::{Answers, Decision},
    batch::Batch,
    call::tell,
    repeat,
    sender::Statements,
};
use crate::{
    connect::Connections,
    error::{damaged, from_driver, is_out_of_sight, is_partition_unseen, out_of_sight},
};

/// Takes the lock of those who append, and says whether each statement of the transaction sees what
/// is committed by then.
pub(crate) async fn lock_in(
    client: &(impl GenericClient + Sync),
    statements: &Statements,
    log: LogId,
) -> Result<bool> {
    let said = client.simple_query(&statements.lock).await;
    let said = said.map_err(|error| from_driver(Some(log), error))?;
    let isolation = said.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    Ok(isolation == Some("read committed"))
}

/// Appends `request` in the transaction that `client` is in.
pub(crate) async fn append_in(
    client: &(impl GenericClient + Sync),
    connections: &Connections,
    statements: &Statements,
    log: LogId,
    request: &AppendRequest,
) -> Result<Receipt> {
    let fails = |error| from_driver(Some(log), error);
    let sees_all = lock_in(client, statements, log).await?;
    if let Some(maker) = &statements.maker {
        let count = request.event_count();
        // Room is made on another connection, since it has to be committed before it is used. A
        // transaction that sees only what was there at its first look must not look before that.
        let mut lacking = if sees_all { maker.lacking(client, count).await? } else { None };
        if !sees_all || lacking.is_some() {
            let other = connections.get().await?;
            if !sees_all {
                lacking = maker.lacking(&***other, count).await?;
            }
            if let Some(through) = lacking {
                maker.make(&***other, through).await?;
            }
        }
    }
    if !sees_all {
        let row = client.query_typed_one(&statements.is_fresh, &[]).await.map_err(fails)?;
        if !row.try_get::<_, bool>(0).map_err(damaged)? {
            let message = "the transaction began before the last append of another: nothing was \
                           written; run it again, and append before anything else in it";
            return Err(Error::new(ErrorKind::Busy, message));
        }
    }
    let mut batch = Batch::new(log.as_uuid(), true);
    batch.push(request, &[])?;
    let row = match client.query_typed_one(&statements.many.plain, &batch.arguments()).await {
        Ok(row) => row,
        Err(error) => {
            if (is_out_of_sight(&error) || is_partition_unseen(&error))
                && let Ok(other) = connections.get().await
            {
                // For when it is run again, in the same session.
                tell(&other, statements).await;
            }
            return Err(fails(error));
        }
    };
    match Answers::of(&row, log)?.next(request)? {
        Decision::Done(answer) => answer,
        Decision::Repeated(event) => {
            let id = event.as_uuid();
            let rows = client
                .query_typed(&statements.repeat, &[(&id, Type::UUID)])
                .await
                .map_err(fails)?;
            if repeat::is_out_of_sight(&rows) {
                return Err(out_of_sight());
            }
            repeat::answer(&rows, log, request, event)
        }
    }
}
