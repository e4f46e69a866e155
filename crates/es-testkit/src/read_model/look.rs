//! Short forms for claiming, committing, and a commit that must be refused.

use es_core::{
    Checkpoint, CheckpointStore, DeadLetter, DeadLetterStore, Error, ErrorKind, EventId, LogId,
    Owner, Position, Progress, ReadModel, Release, Result, SubscriberName,
};

use super::Rows;
use crate::{sample::stream, tasks::turns};

/// The transaction of the model below these rows.
pub(super) type TxOf<R> = <<R as Rows>::Model as ReadModel>::Tx;

/// The row that is there before a commit is refused, and that the commit overwrites.
const KEPT: &str = "kept";
/// The row that only the refused commit has.
const REFUSED: &str = "refused";

pub(super) fn orders() -> SubscriberName {
    SubscriberName::from_static("orders")
}

pub(super) fn to(checkpoint: &Checkpoint, position: u64) -> Progress {
    Progress::from(checkpoint, Position::new(position))
}

/// A letter of `orders` that only waits.
pub(super) fn letter(position: u64, key: &str) -> DeadLetter {
    DeadLetter::waiting(orders(), Position::new(position), EventId::new(), stream(key))
}

pub(super) async fn claim<R: Rows>(rows: &R, owner: &str) -> Checkpoint {
    claim_as(rows, &orders(), owner).await
}

/// Claims, again while the model is busy with others.
pub(super) async fn claim_as<R: Rows>(
    rows: &R,
    subscriber: &SubscriberName,
    owner: &str,
) -> Checkpoint {
    let log = LogId::from_uuid(uuid::Uuid::from_u128(7));
    loop {
        match rows.model().claim(subscriber, log, &Owner::new(owner)).await {
            Ok(claimed) => return claimed,
            Err(error) if error.is_temporary() => turns(1).await,
            Err(error) => panic!("it cannot be claimed: {error}"),
        }
    }
}

pub(super) async fn current<R: Rows>(rows: &R) -> Option<Checkpoint> {
    rows.model().checkpoint(&orders()).await.expect("the checkpoint can be read")
}

/// How far `orders` has got.
pub(super) async fn position<R: Rows>(rows: &R) -> u64 {
    current(rows).await.expect("it was claimed").position.get()
}

pub(super) async fn letters<R: Rows>(rows: &R) -> Vec<DeadLetter> {
    let listed = rows.model().dead_letters(&orders(), Position::START, 1_000).await;
    listed.expect("letters can be listed")
}

pub(super) async fn skipped<R: Rows>(rows: &R) -> Vec<(DeadLetter, String)> {
    let listed = rows.model().skipped(&orders(), Position::START, 1_000).await;
    listed.expect("skipped letters can be listed")
}

/// Begins a transaction and puts the rows into it; again while the model is busy with
/// others.
pub(super) async fn open<R: Rows>(rows: &R, puts: &[(&str, i64)]) -> TxOf<R> {
    let mut tx = loop {
        match rows.model().begin().await {
            Ok(tx) => break tx,
            Err(error) if error.is_temporary() => turns(1).await,
            Err(error) => panic!("no transaction can be begun: {error}"),
        }
    };
    for (key, value) in puts {
        rows.put(&mut tx, key, *value).await;
    }
    tx
}

/// Commits the rows with the progress; again while the model is busy with others.
pub(super) async fn commit<R: Rows>(
    rows: &R,
    puts: &[(&str, i64)],
    progress: &Progress,
) -> Result<()> {
    loop {
        let tx = open(rows, puts).await;
        match rows.model().commit(tx, progress).await {
            Err(error) if error.is_temporary() => turns(1).await,
            result => return result,
        }
    }
}

/// Commits what must be refused, parking a letter and releasing all that are there, and
/// checks that rows, checkpoint and letters are what they were.
pub(super) async fn refused<R: Rows>(rows: &R, progress: Progress, kind: ErrorKind) -> Error {
    let before = everything(rows).await;
    let released = before.letters.iter().map(|letter| Release::Handled(letter.position)).collect();
    let beyond = progress.position.get() + 1;
    let progress = progress.with_parked(vec![letter(beyond, "refused")]).with_released(released);
    let error = match commit(rows, &[(KEPT, -1), (REFUSED, 1)], &progress).await {
        Ok(()) => panic!("this should be refused as {kind}, but was committed: {progress:?}"),
        Err(error) => error,
    };
    assert_eq!(error.kind(), kind, "refused for another reason: {error}");
    assert_eq!(everything(rows).await, before, "a refused commit changed something");
    error
}

/// What a refused commit must leave alone.
#[derive(Debug, PartialEq)]
pub(super) struct Everything {
    rows: [Option<i64>; 2],
    checkpoint: Option<Checkpoint>,
    letters: Vec<DeadLetter>,
    skipped: Vec<(DeadLetter, String)>,
}

pub(super) async fn everything<R: Rows>(rows: &R) -> Everything {
    Everything {
        rows: [rows.get(KEPT).await, rows.get(REFUSED).await],
        checkpoint: current(rows).await,
        letters: letters(rows).await,
        skipped: skipped(rows).await,
    }
}

/// Claims, and commits a row and a parked letter at position 5: something to lose.
pub(super) async fn claim_with_something_to_lose<R: Rows>(rows: &R) -> Checkpoint {
    let claimed = claim(rows, "one").await;
    let progress = to(&claimed, 5).with_parked(vec![letter(3, "a")]);
    commit(rows, &[(KEPT, 7)], &progress).await.expect("the owner's commit is taken");
    claimed
}
