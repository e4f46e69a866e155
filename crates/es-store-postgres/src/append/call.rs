//! One call for a batch, on one connection.

use deadpool_postgres::Object;
use es_core::{Error, ErrorKind, LogId, Receipt, Result};
use futures_util::future::join_all;

use super::{
    answer::{Answers, Decision},
    batch::Batch,
    one,
    queue::Pending,
    repeat,
    sender::Statements,
};
use crate::error::{damaged, from_driver, is_lost, is_repeated, room};

/// Why there are no answers.
pub(super) enum Failure {
    /// An event was there already: nothing was written; call again with care.
    Repeated,
    /// There is no partition up to this position yet: nothing was written.
    NoRoom(u64),
    /// The server said no to the whole, or it could not be sent: nothing was written.
    Refused(Error),
    /// The reply was lost: nobody knows what became of it. Called again, the batch tells.
    Lost(Error),
    /// There was a reply that makes no sense; calling again would bring another.
    Senseless(Error),
}

pub(super) type Answer = Result<Receipt>;

/// Sends `batch` in one call and answers each append of it.
pub(super) async fn call(
    client: &Object,
    statements: &Statements,
    log: LogId,
    batch: &[Pending],
    careful: bool,
) -> Result<Vec<Answer>, Failure> {
    let failed = |error| failure(statements, log, error);
    let decisions = match batch {
        [lone] if !careful && one::lean(&lone.request).is_some() => {
            let Some(parts) = one::lean(&lone.request) else { return Ok(Vec::new()) };
            let statement = client.prepare_cached(&statements.one).await.map_err(failed)?;
            match one::send(client, &statement, log, &lone.request, parts).await {
                Ok(decision) => vec![decision],
                Err(one::Failed::Driver(error)) => return Err(failed(error)),
                Err(one::Failed::Other(error)) => return Err(Failure::Senseless(error)),
            }
        }
        _ => {
            let mut arrays = Batch::new(log.as_uuid(), careful);
            for pending in batch {
                arrays.push(&pending.request, &pending.looked).map_err(Failure::Refused)?;
            }
            let statement = client.prepare_cached(&statements.many).await.map_err(failed)?;
            let row = client.query_one(&statement, &arrays.arguments()).await.map_err(failed)?;
            let mut answers = Answers::of(&row, log).map_err(Failure::Senseless)?;
            let decisions = batch.iter().map(|pending| answers.next(&pending.request));
            decisions.collect::<Result<_>>().map_err(Failure::Senseless)?
        }
    };
    settled(client, statements, log, batch, decisions).await
}

/// Looks up what repetitions repeat.
///
/// The batch is committed by now. A look that fails is a reply that was lost: called again
/// with care, the batch finds what it wrote itself.
async fn settled(
    client: &Object,
    statements: &Statements,
    log: LogId,
    batch: &[Pending],
    decisions: Vec<Decision>,
) -> Result<Vec<Answer>, Failure> {
    let is_any_repeated = decisions.iter().any(|one| matches!(one, Decision::Repeated(_)));
    let look = match is_any_repeated.then(|| client.prepare_cached(&statements.repeat)) {
        Some(preparing) => {
            Some(preparing.await.map_err(|error| Failure::Lost(from_driver(Some(log), error)))?)
        }
        None => None,
    };
    // The looks follow each other on the connection without waiting for the replies.
    let answers = batch.iter().zip(decisions).map(|(pending, decision)| {
        let look = look.as_ref();
        async move {
            match (decision, look) {
                (Decision::Done(answer), _) => answer,
                (Decision::Repeated(event), Some(look)) => {
                    repeat::answer(&***client, look, log, &pending.request, event).await
                }
                (Decision::Repeated(_), None) => Err(damaged("a look was not prepared")),
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

fn failure(statements: &Statements, log: LogId, error: tokio_postgres::Error) -> Failure {
    if is_repeated(&error, &statements.prefix) {
        Failure::Repeated
    } else if let Some(through) = room(&error) {
        Failure::NoRoom(through)
    } else if is_lost(&error) {
        Failure::Lost(from_driver(Some(log), error))
    } else {
        Failure::Refused(from_driver(Some(log), error))
    }
}
