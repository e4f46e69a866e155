//! Futures that are dropped: a `begin` leaves nothing behind, a `commit` is whole or not at
//! all.

use es_core::ReadModel;
use fastrand::Rng;

use super::{
    Rows,
    look::{claim, commit, open, position, to},
};
use crate::tasks::poll_and_drop;

/// However often a `begin` is dropped, at whichever point, the next transaction commits.
pub async fn a_dropped_begin_leaves_the_model_usable<R: Rows>(rows: R) {
    let claimed = claim(&rows, "one").await;
    for round in 0..60 {
        // Those that end are dropped as transactions.
        poll_and_drop(rows.model().begin(), round % 6).await;
        if round % 10 == 9 {
            let n = round as u64;
            commit(&rows, &[("a", n.cast_signed())], &to(&claimed, n)).await.unwrap();
            assert_eq!(rows.get("a").await, Some(n.cast_signed()));
        }
    }
    assert_eq!(position(&rows).await, 59);
}

/// A commit that is dropped, at whichever point, is taken whole or not at all. Whoever
/// claims next finds out: the checkpoint tells, and nothing changes behind it.
pub async fn a_dropped_commit_is_whole_or_not_at_all<R: Rows>(rows: R) {
    let mut rng = Rng::with_seed(6);
    let mut owner = claim(&rows, "one").await;
    for round in 0..40 {
        let key = format!("r{round}");
        let next = owner.position.get() + 1;
        let tx = open(&rows, &[(&*key, 1)]).await;
        poll_and_drop(rows.model().commit(tx, &to(&owner, next)), rng.usize(..6)).await;
        owner = claim(&rows, "one").await;
        let taken = owner.position.get() == next;
        assert!(taken || owner.position.get() + 1 == next, "at {}", owner.position);
        assert_eq!(rows.get(&key).await.is_some(), taken, "{key}, although taken is {taken}");
    }
    let next = owner.position.get() + 1;
    commit(&rows, &[("last", 1)], &to(&owner, next)).await.expect("the owner goes on");
}
