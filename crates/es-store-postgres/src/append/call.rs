//! One call for a batch, on one connection.

use deadpool_postgres::Object;
use es_core::{Error, ErrorKind, LogId, Receipt, Result};
use futures_util::future::join_all;
use tokio_postgres::types::Type;

use super::{
    answer::{Answers, Decision},
    batch::Batch,
    one,
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

/// Sends `batch` in one call and answers each append of it. `made` is how many connections
/// have been made by now.
pub(super) async fn call(
    (client, sent): (&Object, Sent),
    statements: &Statements,
    log: LogId,
    batch: &[Pending],
    (careful, made): (bool, u64),
) -> Result<Vec<Answer>, Failure> {
    let failed = |error| failure(statements, log, error);
    let decisions = match batch {
        [lone] if !careful && one::lean(&lone.request).is_some() => {
            let Some(parts) = one::lean(&lone.request) else { return Ok(Vec::new()) };
            let how = (sent, statements.one.as_str());
            match one::send(client, how, log, &lone.request, parts).await {
                Ok(decision) => vec![decision],
                Err(one::Failed::Driver(error)) => return Err(failed(error)),
                Err(one::Failed::Other(error)) => return Err(Failure::Senseless(error)),
            }
        }
        _ => {
            let mut arrays = Batch::new(log.as_uuid(), careful);
            for pending in batch {
                arrays.push(&pending.request, pending.looked(made)).map_err(Failure::Refused)?;
            }
            let row = sent.query_one(client, &statements.many, &arrays.arguments()).await;
            let row = row.map_err(failed)?;
            let mut answers = Answers::of(&row, log).map_err(Failure::Senseless)?;
            let decisions = batch.iter().map(|pending| answers.next(&pending.request));
            decisions.collect::<Result<_>>().map_err(Failure::Senseless)?
        }
    };
    settled((client, sent), statements, log, batch, decisions).await
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
