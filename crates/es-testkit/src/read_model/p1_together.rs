//! P1: rows and checkpoint commit together, or neither does.

use std::{array, sync::Arc};

use es_core::{
    Checkpoint, CheckpointStore, ErrorKind, EventId, LogId, Owner, ReadModel, SubscriberName,
};

use super::{
    Rows,
    look::{
        claim, claim_as, claim_with_something_to_lose, commit, current, open, orders, position,
        refused, to,
    },
};
use crate::tasks::{Flag, beside, together, turns};

/// After the commit the rows are there, and the checkpoint has moved and names its event.
pub async fn rows_and_checkpoint_commit_together<R: Rows>(rows: R) {
    let claimed = claim(&rows, "one").await;
    let event = EventId::new();
    let progress = to(&claimed, 5).with_event(event);
    commit(&rows, &[("a", 1), ("b", i64::MIN), ("文 'x'", i64::MAX)], &progress).await.unwrap();
    assert_eq!(rows.get("a").await, Some(1));
    assert_eq!(rows.get("b").await, Some(i64::MIN));
    assert_eq!(rows.get("文 'x'").await, Some(i64::MAX));
    assert_eq!(rows.get("c").await, None);
    let now = current(&rows).await.unwrap();
    assert_eq!((now.position, now.event), (progress.position, Some(event)));
    assert_eq!((now.epoch, now.log), (claimed.epoch, claimed.log));
    assert_eq!(now.owner, claimed.owner);
}

/// Whoever looks at the checkpoint first finds the rows that belong to it, and whoever
/// looks at the rows first finds a checkpoint that is as far.
pub async fn whoever_sees_the_checkpoint_sees_the_rows<R: Rows>(rows: R) {
    const COMMITS: u64 = 40;
    let rows = Arc::new(rows);
    let claimed = claim(&*rows, "one").await;
    let done = Flag::default();
    let writer = {
        let rows = Arc::clone(&rows);
        async move {
            for n in 1..=COMMITS {
                let mut tx = open(&*rows, &[("first", n.cast_signed())]).await;
                turns(1).await;
                rows.put(&mut tx, "last", n.cast_signed()).await;
                turns(1).await;
                rows.model().commit(tx, &to(&claimed, n)).await.expect("the owner's commit");
            }
        }
    };
    let readers: [_; 2] = array::from_fn(|_| {
        let (rows, done) = (Arc::clone(&rows), done.clone());
        async move {
            loop {
                let last_round = done.is_set();
                let before = position(&*rows).await;
                let last = rows.get("last").await.unwrap_or_default().cast_unsigned();
                let first = rows.get("first").await.unwrap_or_default().cast_unsigned();
                let after = position(&*rows).await;
                assert!(last >= before, "row {last}, although the checkpoint is at {before}");
                assert!(first >= last, "one row is at {first}, the other at {last}");
                assert!(after >= first, "row {first}, although the checkpoint is at {after}");
                if last_round {
                    return after;
                }
                turns(1).await;
            }
        }
    });
    let seen = beside(&done, [writer], readers).await;
    assert_eq!(seen, [COMMITS; 2]);
}

/// Dropped without a commit, a transaction leaves no rows and moves nothing; and it holds
/// nothing back: the next one commits.
pub async fn a_dropped_transaction_leaves_neither<R: Rows>(rows: R) {
    let claimed = claim(&rows, "one").await;
    commit(&rows, &[("a", 1)], &to(&claimed, 1)).await.unwrap();
    let before = current(&rows).await;
    for n in 0..20 {
        drop(open(&rows, &[("a", -1), ("b", n)]).await);
    }
    drop(open(&rows, &[]).await);
    assert_eq!(rows.get("a").await, Some(1));
    assert_eq!(rows.get("b").await, None);
    assert_eq!(current(&rows).await, before);
    commit(&rows, &[("c", 3)], &to(&claimed, 2)).await.unwrap();
    assert_eq!(rows.get("a").await, Some(1));
    assert_eq!(rows.get("b").await, None);
    assert_eq!(rows.get("c").await, Some(3));
}

/// Where no event changed a row the checkpoint moves alone.
pub async fn a_commit_without_rows_moves_the_checkpoint<R: Rows>(rows: R) {
    let claimed = claim(&rows, "one").await;
    commit(&rows, &[], &to(&claimed, 5)).await.unwrap();
    assert_eq!(position(&rows).await, 5);
}

/// One after another: each overwrites what the one before has committed, and within one
/// the later of two values stays.
pub async fn one_transaction_after_another<R: Rows>(rows: R) {
    let claimed = claim(&rows, "one").await;
    commit(&rows, &[("a", 1), ("b", 1)], &to(&claimed, 1)).await.unwrap();
    commit(&rows, &[("a", 2), ("c", 2), ("c", 3)], &to(&claimed, 2)).await.unwrap();
    assert_eq!(rows.get("a").await, Some(2));
    assert_eq!(rows.get("b").await, Some(1));
    assert_eq!(rows.get("c").await, Some(3));
    assert_eq!(position(&rows).await, 2);
}

/// The same position again is allowed: a reply may have been lost, or parked events are
/// handled behind a checkpoint that need not move.
pub async fn the_same_position_again_is_allowed<R: Rows>(rows: R) {
    let claimed = claim(&rows, "one").await;
    for n in 0..3 {
        commit(&rows, &[("a", n)], &to(&claimed, 5)).await.unwrap();
        assert_eq!(rows.get("a").await, Some(n));
    }
    assert_eq!(position(&rows).await, 5);
}

/// A commit and an advance without a transaction move one and the same checkpoint.
pub async fn advance_and_commit_agree<R: Rows>(rows: R) {
    let claimed = claim(&rows, "one").await;
    commit(&rows, &[("a", 1)], &to(&claimed, 1)).await.unwrap();
    rows.model().advance(&to(&claimed, 2)).await.unwrap();
    assert_eq!(position(&rows).await, 2);
    refused(&rows, to(&claimed, 1), ErrorKind::Invalid).await;
    commit(&rows, &[("a", 3)], &to(&claimed, 3)).await.unwrap();
    let error = rows.model().advance(&to(&claimed, 2)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(position(&rows).await, 3);
    assert_eq!(rows.get("a").await, Some(3));
}

/// A commit that would move the checkpoint backward writes nothing, and the owner goes on.
pub async fn a_commit_backward_writes_nothing<R: Rows>(rows: R) {
    let claimed = claim_with_something_to_lose(&rows).await;
    refused(&rows, to(&claimed, 4), ErrorKind::Invalid).await;
    refused(&rows, to(&claimed, 0), ErrorKind::Invalid).await;
    commit(&rows, &[("a", 1)], &to(&claimed, 6)).await.expect("the owner goes on");
    assert_eq!(rows.get("a").await, Some(1));
}

/// A commit for a checkpoint that nobody ever claimed writes nothing, and creates nothing.
pub async fn a_commit_without_a_claim_writes_nothing<R: Rows>(rows: R) {
    let never_claimed = Checkpoint::first(orders(), LogId::generate(), Owner::new("one"));
    refused(&rows, to(&never_claimed, 5), ErrorKind::NotFound).await;
    assert_eq!(current(&rows).await, None);
}

/// Two subscribers that begin at the same time, over and over, both get on, and neither
/// disturbs the rows or the checkpoint of the other.
pub async fn concurrent_transactions_get_on<R: Rows>(rows: R) {
    const COMMITS: u64 = 20;
    let rows = Arc::new(rows);
    let workers = ["left", "right"].map(|name| {
        let rows = Arc::clone(&rows);
        async move {
            let claimed = claim_as(&*rows, &SubscriberName::from_static(name), name).await;
            for n in 1..=COMMITS {
                let key = format!("{name}-{n}");
                let puts = [(name, n.cast_signed()), (&*key, 1)];
                commit(&*rows, &puts, &to(&claimed, n)).await.expect("the owner's commit");
                turns(1).await;
            }
        }
    });
    together(workers).await;
    for name in ["left", "right"] {
        let known = rows.model().checkpoint(&SubscriberName::from_static(name)).await;
        assert_eq!(known.unwrap().unwrap().position.get(), COMMITS);
        assert_eq!(rows.get(name).await, Some(COMMITS.cast_signed()));
        for n in 1..=COMMITS {
            assert_eq!(rows.get(&format!("{name}-{n}")).await, Some(1), "{name}-{n}");
        }
    }
}

/// A transaction is a value: begun in one task, written to in another, committed in a
/// third.
pub async fn a_transaction_moves_between_tasks<R: Rows>(rows: R) {
    let rows = Arc::new(rows);
    let claimed = claim(&*rows, "one").await;
    let (begin, put, end) = (Arc::clone(&rows), Arc::clone(&rows), Arc::clone(&rows));
    let mut tx = tokio::spawn(async move { open(&*begin, &[("a", 1)]).await }).await.unwrap();
    let tx = tokio::spawn(async move {
        put.put(&mut tx, "b", 2).await;
        tx
    });
    let tx = tx.await.unwrap();
    let progress = to(&claimed, 1);
    tokio::spawn(async move { end.model().commit(tx, &progress).await }).await.unwrap().unwrap();
    assert_eq!((rows.get("a").await, rows.get("b").await), (Some(1), Some(2)));
}
