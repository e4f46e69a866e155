//! P2: who owns the checkpoint is checked in the very commit that writes the rows.

use std::{sync::Arc, time::Duration};

use es_core::{CheckpointStore, ErrorKind, ReadModel};
use fastrand::Rng;

use super::{
    Rows,
    look::{
        claim, claim_with_something_to_lose, commit, current, everything, open, orders, position,
        refused, to,
    },
};
use crate::tasks::{together, turns};

/// How long a claim may be held back by an open transaction before the case lets that one
/// go on. Nothing is measured with it.
const PATIENCE: Duration = Duration::from_secs(2);

/// The commit of whoever owned it before writes no rows, parks and releases no letters and
/// moves nothing. It is told both epochs.
pub async fn a_fenced_commit_writes_nothing<R: Rows>(rows: R) {
    let paused = claim_with_something_to_lose(&rows).await;
    claim(&rows, "two").await;
    let now = claim(&rows, "one").await;
    let error = refused(&rows, to(&paused, 9), ErrorKind::Fenced).await;
    let fenced = error.fenced().expect("details of the fence");
    assert_eq!(fenced.subscriber, orders());
    assert_eq!((fenced.held, fenced.current), (1, 3));
    commit(&rows, &[("a", 1)], &to(&now, 9)).await.expect("the owner goes on");
    refused(&rows, to(&paused, 10), ErrorKind::Fenced).await;
    assert_eq!(rows.get("a").await, Some(1));
}

/// Also where the checkpoint would stay where it is: the fence does not depend on a step.
pub async fn a_fenced_commit_at_the_same_position_writes_nothing<R: Rows>(rows: R) {
    let paused = claim_with_something_to_lose(&rows).await;
    claim(&rows, "two").await;
    refused(&rows, to(&paused, 5), ErrorKind::Fenced).await;
}

/// An epoch that was never given is refused as well.
pub async fn an_epoch_of_the_future_writes_nothing<R: Rows>(rows: R) {
    let mut claimed = claim_with_something_to_lose(&rows).await;
    claimed.epoch += 1;
    refused(&rows, to(&claimed, 9), ErrorKind::Fenced).await;
}

/// A worker that still runs when its subscriber is forgotten writes nothing any more, and
/// is fenced once somebody starts over.
pub async fn a_worker_whose_subscriber_is_forgotten_writes_nothing<R: Rows>(rows: R) {
    let running = claim_with_something_to_lose(&rows).await;
    rows.model().forget(&orders()).await.unwrap();
    let before = everything(&rows).await;
    let error = commit(&rows, &[("kept", -1), ("refused", 1)], &to(&running, 9)).await;
    assert!(matches!(error.unwrap_err().kind(), ErrorKind::NotFound | ErrorKind::Fenced));
    assert_eq!(everything(&rows).await, before);
    assert_eq!(current(&rows).await, None);
    claim(&rows, "two").await;
    refused(&rows, to(&running, 9), ErrorKind::Fenced).await;
}

/// A worker is paused with an open transaction, another claims, the first one wakes up: it
/// is fenced, and its rows are gone.
///
/// A model may also hold the claim back until the transaction has ended, as one with a
/// single lock for writers does. Then the commit is taken, and the claim finds it.
pub async fn a_worker_paused_in_a_transaction_is_fenced<R: Rows>(rows: R) {
    let rows = Arc::new(rows);
    let paused = claim(&*rows, "one").await;
    let tx = open(&*rows, &[("a", 1)]).await;
    let mut claims = tokio::spawn({
        let rows = Arc::clone(&rows);
        async move { claim(&*rows, "two").await }
    });
    let claimed_first = tokio::time::timeout(PATIENCE, &mut claims).await;
    let committed = rows.model().commit(tx, &to(&paused, 5)).await;
    let (owner, held_back) = match claimed_first {
        Ok(claimed) => (claimed.expect("the claim"), false),
        Err(_) => (claims.await.expect("the claim"), true),
    };
    match committed {
        Ok(()) => {
            assert!(held_back, "a commit was taken that another had fenced");
            assert_eq!((owner.position.get(), rows.get("a").await), (5, Some(1)));
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Fenced, "refused for another reason: {error}");
            assert_eq!((owner.position.get(), rows.get("a").await), (0, None));
        }
    }
    commit(&*rows, &[("b", 1)], &to(&owner, 6)).await.expect("the owner goes on");
    assert_eq!(position(&*rows).await, 6);
    refused(&*rows, to(&paused, 7), ErrorKind::Fenced).await;
}

/// While owners change, the rows of a commit are there exactly if it was taken, and
/// whoever claims next finds its step.
pub async fn no_rows_of_a_fenced_owner_are_kept<R: Rows>(rows: R) {
    let rows = Arc::new(rows);
    let workers = (0..8).map(|n| {
        let rows = Arc::clone(&rows);
        let mut rng = Rng::with_seed(n);
        async move {
            let mut steps = Vec::new();
            for _ in 0..10 {
                turns(rng.usize(..12)).await;
                let mine = claim(&*rows, &format!("worker-{n}")).await;
                turns(rng.usize(..3)).await;
                let next = to(&mine, mine.position.get() + 1);
                let taken = match commit(&*rows, &[(&row_of(mine.epoch), 1)], &next).await {
                    Ok(()) => 1,
                    Err(error) if error.kind() == ErrorKind::Fenced => 0,
                    Err(error) => panic!("neither taken nor fenced: {error}"),
                };
                steps.push((mine.epoch, mine.position.get(), taken));
            }
            steps
        }
    });
    let mut steps: Vec<_> = together(workers).await.into_iter().flatten().collect();
    steps.sort_unstable();
    for (epoch, _, taken) in &steps {
        let row = rows.get(&row_of(*epoch)).await;
        assert_eq!(row.is_some(), *taken == 1, "the row of epoch {epoch}");
    }
    let last = current(&*rows).await.expect("it was claimed");
    steps.push((last.epoch + 1, last.position.get(), 0));
    for pair in steps.windows(2) {
        let ((epoch, position, taken), (_, found, _)) = (pair[0], pair[1]);
        assert_eq!(found, position + taken, "behind epoch {epoch}");
    }
}

fn row_of(epoch: u64) -> String {
    format!("epoch-{epoch}")
}
