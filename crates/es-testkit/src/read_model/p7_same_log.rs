//! P7: rows of one log never meet the checkpoint of another.

use es_core::{CheckpointStore, ErrorKind, LogId, Owner};

use super::{
    Rows,
    look::{claim_with_something_to_lose, commit, everything, orders, refused, to},
};

/// A commit for another log writes nothing, and says which logs they are.
pub async fn a_commit_for_another_log_writes_nothing<R: Rows>(rows: R) {
    let claimed = claim_with_something_to_lose(&rows).await;
    let mut elsewhere = to(&claimed, 9);
    elsewhere.log = LogId::generate();
    let error = refused(&rows, elsewhere, ErrorKind::LogDiverged).await;
    assert!(error.diverged().is_some(), "details of the divergence");
    commit(&rows, &[("a", 1)], &to(&claimed, 9)).await.expect("the owner goes on");
    assert_eq!(rows.get("a").await, Some(1));
}

/// Nor does a position where the checkpoint stands already excuse another log.
pub async fn a_commit_for_another_log_at_the_same_position_writes_nothing<R: Rows>(rows: R) {
    let mut claimed = claim_with_something_to_lose(&rows).await;
    claimed.log = LogId::generate();
    refused(&rows, to(&claimed, 5), ErrorKind::LogDiverged).await;
}

/// A claim for another log changes nothing: the owner stays, unfenced, and commits.
pub async fn a_claim_for_another_log_fences_nobody<R: Rows>(rows: R) {
    let claimed = claim_with_something_to_lose(&rows).await;
    let before = everything(&rows).await;
    let model = rows.model();
    let error = model.claim(&orders(), LogId::generate(), &Owner::new("two")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LogDiverged);
    assert_eq!(everything(&rows).await, before);
    commit(&rows, &[("a", 1)], &to(&claimed, 9)).await.expect("the owner goes on");
}
