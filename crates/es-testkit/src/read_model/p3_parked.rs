//! P3: parked and released letters commit together with the rows, or not at all.

use es_core::{Checkpoint, ErrorKind, LogId, Owner, Position, Progress, Release, SubscriberName};

use super::{
    Rows,
    look::{
        claim, claim_as, claim_with_something_to_lose, commit, letter, letters, position, refused,
        skipped, to,
    },
};

/// Parked with a commit: rows, checkpoint and letters are there, every field of them.
pub async fn parked_letters_commit_with_the_rows<R: Rows>(rows: R) {
    let claimed = claim(&rows, "one").await;
    let parked = [letter(3, "a").failed("no such account: 'x'", 5), letter(4, "a")];
    let progress = to(&claimed, 5).with_parked(parked.to_vec());
    commit(&rows, &[("b", 1)], &progress).await.unwrap();
    assert_eq!(rows.get("b").await, Some(1));
    assert_eq!(position(&rows).await, 5);
    assert_eq!(letters(&rows).await, parked);
}

/// Released with a commit: what was handled after all is gone, what was given up is kept
/// with its reason, and the rows are there.
pub async fn released_letters_commit_with_the_rows<R: Rows>(rows: R) {
    let claimed = claim(&rows, "one").await;
    let parked = [3, 4, 5].map(|n| letter(n, "a").failed("why", 2));
    let progress = to(&claimed, 5).with_parked(parked.to_vec());
    commit(&rows, &[], &progress).await.unwrap();
    let released = vec![
        Release::Handled(Position::new(3)),
        Release::Skipped(Position::new(5), "given up".into()),
    ];
    commit(&rows, &[("a", 1)], &to(&claimed, 5).with_released(released)).await.unwrap();
    assert_eq!(rows.get("a").await, Some(1));
    assert_eq!(letters(&rows).await, [parked[1].clone()]);
    assert_eq!(skipped(&rows).await, [(parked[2].clone(), "given up".to_owned())]);
}

/// One commit may release some letters and park others.
pub async fn one_commit_parks_and_releases<R: Rows>(rows: R) {
    let claimed = claim_with_something_to_lose(&rows).await;
    let next = letter(7, "b");
    let progress = to(&claimed, 8)
        .with_released(vec![Release::Handled(Position::new(3))])
        .with_parked(vec![next.clone()]);
    commit(&rows, &[("a", 1)], &progress).await.unwrap();
    assert_eq!(letters(&rows).await, [next]);
    assert_eq!(skipped(&rows).await, []);
    assert_eq!((rows.get("a").await, position(&rows).await), (Some(1), 8));
}

/// A commit that is refused, for whichever reason, parks nothing and releases nothing.
pub async fn refused_commits_park_and_release_nothing<R: Rows>(rows: R) {
    let paused = claim_with_something_to_lose(&rows).await;
    let claimed = claim(&rows, "two").await;
    let parked = letters(&rows).await;
    let mut elsewhere = to(&claimed, 7);
    elsewhere.log = LogId::generate();
    let unclaimed = SubscriberName::from_static("unclaimed");
    let unclaimed = Checkpoint::first(unclaimed, claimed.log, Owner::new("one"));
    for (progress, kind) in [
        (to(&paused, 7), ErrorKind::Fenced),
        (elsewhere, ErrorKind::LogDiverged),
        (to(&claimed, 4), ErrorKind::Invalid),
        (to(&unclaimed, 7), ErrorKind::NotFound),
    ] {
        refused(&rows, progress, kind).await;
        assert_eq!(letters(&rows).await, parked);
    }
}

/// The letters of one subscriber are not released by the commit of another.
pub async fn letters_of_others_stay<R: Rows>(rows: R) {
    claim_with_something_to_lose(&rows).await;
    let parked = letters(&rows).await;
    let other = claim_as(&rows, &SubscriberName::from_static("other"), "two").await;
    let released = vec![Release::Handled(Position::new(3))];
    commit(&rows, &[("a", 1)], &to(&other, 5).with_released(released)).await.unwrap();
    assert_eq!(letters(&rows).await, parked);
}

/// A step back commits with the rows that it clears: all of it or, for a fenced worker,
/// nothing.
pub async fn a_step_back_commits_with_the_rows<R: Rows>(rows: R) {
    let paused = claim_with_something_to_lose(&rows).await;
    let mut paused_at_five = paused.clone();
    paused_at_five.position = Position::new(5);
    let claimed = claim(&rows, "two").await;
    let back = |of: &Checkpoint| Progress::back_to(of, Position::new(2));
    refused(&rows, back(&paused_at_five), ErrorKind::Fenced).await;
    commit(&rows, &[("a", 1)], &back(&claimed)).await.unwrap();
    assert_eq!((rows.get("a").await, position(&rows).await), (Some(1), 2));
    assert_eq!((letters(&rows).await, skipped(&rows).await), (vec![], vec![]));
    commit(&rows, &[("a", 2)], &to(&claimed, 3)).await.unwrap();
    assert_eq!((rows.get("a").await, position(&rows).await), (Some(2), 3));
}
