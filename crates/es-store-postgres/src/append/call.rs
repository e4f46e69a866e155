//! One call for a batch, on one connection.

use deadpool_postgres::Object;
use es_core::{Error, ErrorKind, LogId, Receipt, Result};
use futures_util::future::join_all;
use tokio_postgres::{error::SqlState, types::Type};

use super::{
    answer::{Answers, Decision},
    batch::{Batch, Behind},
    entry::Way,
    one::{self, Failed},
    optimistic::Odds,
    queue::Pending,
    repeat,
    sender::Statements,
};
use crate::{
    ask::Sent,
    error::{
        from_driver, is_lost, is_out_of_sight, is_partition_unseen, is_repeated, out_of_sight, room,
    },
};

/// Why there are no answers.
pub(super) enum Failure {
    /// An event was there already: nothing was written; call again with care.
    Repeated,
    /// There is no partition up to this position yet: nothing was written.
    NoRoom(u64),
    /// The session does not see all partitions: nothing was written.
    Unseen(Error),
    /// The server said no to the whole, or it could not be sent: nothing was written.
    Refused(Error),
    /// The reply was lost: nobody knows what became of it. Called again, the batch tells.
    Lost(Error),
    /// There was a reply that makes no sense; calling again would bring another.
    Senseless(Error),
}

pub(super) type Answer = Result<Receipt>;

/// How a batch is sent.
#[derive(Clone, Copy)]
pub(super) struct How<'h> {
    /// Looking for repetitions first.
    pub(super) careful: bool,
    /// How many connections have been made by now.
    pub(super) made: u64,
    /// Behind this position first, without the lock.
    pub(super) behind: Option<(i64, &'h Odds)>,
}

/// Sends `batch` in one call, or in a second one where the first was wrong about the end of the
/// log, and answers each append of it.
pub(super) async fn call(
    (client, way): (&Object, &Way),
    statements: &Statements,
    log: LogId,
    batch: &[Pending],
    how: How<'_>,
) -> Result<Vec<Answer>, Failure> {
    let mut arrays = Batch::new(log.as_uuid(), how.careful);
    let lone = match batch {
        [lone] if !how.careful => one::lean(&lone.request).map(|parts| (&lone.request, parts)),
        _ => None,
    };
    if lone.is_none() {
        for pending in batch {
            arrays.push(&pending.request, pending.looked(how.made)).map_err(Failure::Refused)?;
        }
    }
    if let Some((position, odds)) = how.behind {
        let taken = match lone {
            Some((request, parts)) => {
                let how = (&statements.lockless, position);
                let taken = one::send_behind(client, how, log, request, parts).await;
                told(taken.map(|decision| decision.map(|decision| vec![decision])), odds)?
            }
            None => match Behind::of(&arrays, position) {
                Some(behind) => {
                    let taken = together_behind(client, statements, log, (&arrays, behind), batch);
                    told(taken.await, odds)?
                }
                None => {
                    odds.passed_over();
                    None
                }
            },
        };
        if let Some(decisions) = taken {
            return settled((client, way.sent), statements, log, batch, decisions).await;
        }
    }
    let failed = |error| failure(statements, log, error);
    let decisions = match lone {
        Some((request, parts)) => {
            match one::send(client, (way, &statements.one), log, request, parts).await {
                Ok(decision) => vec![decision],
                Err(Failed::Driver(error)) => return Err(failed(error)),
                Err(Failed::Other(error)) => return Err(Failure::Senseless(error)),
            }
        }
        None => {
            let row = way.call(client, &statements.many, arrays.arguments()).await;
            let answers = Answers::of(&row.map_err(failed)?, log).map_err(Failure::Senseless)?;
            decisions(answers, batch).map_err(Failure::Senseless)?
        }
    };
    settled((client, way.sent), statements, log, batch, decisions).await
}

/// Sends a batch without the lock; nothing if it was not taken so.
async fn together_behind(
    client: &Object,
    statements: &Statements,
    log: LogId,
    (arrays, behind): (&Batch<'_>, Behind),
    batch: &[Pending],
) -> Result<Option<Vec<Decision>>, Failed> {
    let sql = &statements.lockless;
    let sql = if arrays.is_tagged() { &sql.many_tagged } else { &sql.many };
    let row = Sent::ByName.query_opt(client, sql, &behind.arguments(arrays)).await;
    let Some(row) = row.map_err(Failed::Driver)? else { return Ok(None) };
    let answers = behind.answers(arrays, log, &row).map_err(Failed::Other)?;
    decisions(answers, batch).map(Some).map_err(Failed::Other)
}

fn decisions(mut answers: Answers, batch: &[Pending]) -> Result<Vec<Decision>> {
    batch.iter().map(|pending| answers.next(&pending.request)).collect()
}

/// What came of an attempt without the lock: decisions, nothing, or an end of the call.
fn told(
    taken: Result<Option<Vec<Decision>>, Failed>,
    odds: &Odds,
) -> Result<Option<Vec<Decision>>, Failure> {
    match taken {
        Ok(Some(decisions)) => {
            odds.won();
            return Ok(Some(decisions));
        }
        Ok(None) => odds.lost(),
        Err(Failed::Other(error)) => return Err(Failure::Senseless(error)),
        Err(Failed::Driver(error)) if is_lost(&error) => {
            return Err(Failure::Lost(from_driver(None, error)));
        }
        Err(Failed::Driver(error)) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            odds.set(false);
        }
        // Mostly the place is taken. Whatever it is, nothing was written, and the lock tells.
        Err(Failed::Driver(_)) => odds.lost(),
    }
    Ok(None)
}

/// Looks up what repetitions repeat.
///
/// The batch is committed by now. A look that fails is a reply that was lost: called again
/// with care, the batch finds what it wrote itself.
async fn settled(
    (client, sent): (&Object, Sent),
    statements: &Statements,
    log: LogId,
    batch: &[Pending],
    decisions: Vec<Decision>,
) -> Result<Vec<Answer>, Failure> {
    // The looks follow each other on the connection without waiting for the replies.
    let answers = batch.iter().zip(decisions).map(|(pending, decision)| async move {
        match decision {
            Decision::Done(answer) => answer,
            Decision::Repeated(event) => {
                let id = event.as_uuid();
                let rows = sent.query(client, &statements.repeat, &[(&id, Type::UUID)]).await;
                let rows = rows.map_err(|error| from_driver(Some(log), error))?;
                if repeat::is_out_of_sight(&rows) {
                    tell(client, statements).await;
                    return Err(out_of_sight());
                }
                repeat::answer(&rows, log, &pending.request, event)
            }
        }
    });
    let answers = join_all(answers).await;
    let mut settled = Vec::with_capacity(answers.len());
    for answer in answers {
        match answer {
            Err(error) if error.is_temporary() => return Err(Failure::Lost(error)),
            answer => settled.push(answer),
        }
    }
    Ok(settled)
}

/// What is said of an append of which nobody knows what became.
pub(super) fn unknown(source: Error) -> Error {
    let message = "the reply of PostgreSQL was lost, and what it did could not be found out in \
                   time: append the same events again to settle it";
    Error::new(ErrorKind::OutcomeUnknown, message).with_source(source)
}

/// Has all sessions told of all partitions: this one has missed some.
pub(super) async fn tell(client: &Object, statements: &Statements) {
    if let Some(maker) = &statements.maker
        && let Err(error) = maker.tell(&***client).await
    {
        tracing::debug!(error = %error, "could not send news of the partitions");
    }
}

fn failure(statements: &Statements, log: LogId, error: tokio_postgres::Error) -> Failure {
    if is_repeated(&error, &statements.prefix) {
        Failure::Repeated
    } else if let Some(through) = room(&error) {
        Failure::NoRoom(through)
    } else if statements.maker.is_some() && (is_partition_unseen(&error) || is_out_of_sight(&error))
    {
        Failure::Unseen(from_driver(Some(log), error))
    } else if is_lost(&error) {
        Failure::Lost(from_driver(Some(log), error))
    } else {
        Failure::Refused(from_driver(Some(log), error))
    }
}
