//! Dead letters: parked, listed and released together with the checkpoint (P3).

use es_core::{
    Checkpoint, CheckpointStore, DeadLetter, DeadLetterStore, ErrorKind, EventId, LogId, Owner,
    Position, Progress, Release, StreamId, SubscriberName, Timestamp,
};

use crate::sample::{newest_first, stream, tenant};

/// A subscriber without dead letters has none, claimed or not.
pub async fn at_first_there_are_none<S: CheckpointStore + DeadLetterStore>(store: S) {
    expect(&store, &[]).await;
    claim(&store).await;
    expect(&store, &[]).await;
    assert_eq!(store.parked_streams(&orders()).await.unwrap(), []);
    assert_eq!(store.skipped(&orders(), Position::START, 9).await.unwrap(), []);
}

/// Parked with progress: the checkpoint has moved and the letters are there, every field.
pub async fn letters_are_parked_with_the_progress<S: CheckpointStore + DeadLetterStore>(store: S) {
    let claimed = claim(&store).await;
    let mut failed = letter(3, "a").failed("no such account: 'x'\n  caused by: 文 \\", 5);
    failed.first_failed_at = Timestamp::from_micros(1_700_000_000_123_456);
    let mut of_tenant = letter(5, "a");
    of_tenant.stream = stream("a").with_tenant(tenant("acme"));
    let letters = [failed, letter(4, "a"), of_tenant];
    park(&store, &claimed, 5, &letters).await;
    expect(&store, &letters).await;
    let now = store.checkpoint(&orders()).await.unwrap().unwrap();
    assert_eq!(now.position, Position::new(5));
}

/// Listed by position, whatever the order of parking; behind a position; up to a limit.
pub async fn letters_are_listed_by_position<S: CheckpointStore + DeadLetterStore>(store: S) {
    let claimed = claim(&store).await;
    let letters: Vec<_> = (1..=9).map(|n| letter(n, "a")).collect();
    park(&store, &claimed, 20, &newest_first(&letters[3..])).await;
    park(&store, &claimed, 21, &newest_first(&letters[..3])).await;
    expect(&store, &letters).await;
    for (after, limit, wanted) in
        [(0, 3, 0..3), (3, 3, 3..6), (8, 3, 8..9), (9, 3, 9..9), (0, 0, 0..0), (4, 100, 4..9)]
    {
        let listed = store.dead_letters(&orders(), Position::new(after), limit).await;
        assert_eq!(listed.unwrap(), letters[wanted], "{limit} after {after}");
    }
}

/// The streams that wait are listed, each with its first letter.
pub async fn parked_streams_name_their_first_letter<S: CheckpointStore + DeadLetterStore>(
    store: S,
) {
    let claimed = claim(&store).await;
    let mut of_tenant = letter(2, "a");
    of_tenant.stream = stream("a").with_tenant(tenant("acme"));
    let letters = [letter(7, "a"), letter(3, "b"), letter(5, "a"), of_tenant.clone()];
    park(&store, &claimed, 9, &letters).await;
    let wanted = [(stream("a"), 5), (stream("b"), 3), (of_tenant.stream, 2)];
    expect_parked(&store, wanted.into()).await;
}

/// Refused progress parks nothing and releases nothing: that of a fenced worker, that in
/// another log, a step backward, and that without a claim.
pub async fn refused_progress_parks_nothing<S: CheckpointStore + DeadLetterStore>(store: S) {
    let paused = claim(&store).await;
    let claimed = claim(&store).await;
    let parked = [letter(3, "a")];
    park(&store, &claimed, 5, &parked).await;
    let refuse = |mut progress: Progress| {
        progress.parked = vec![letter(6, "b")];
        progress.released = vec![Release::Handled(Position::new(3))];
        progress
    };
    let to = |checkpoint, position| Progress::from(checkpoint, Position::new(position));
    let mut elsewhere = to(&claimed, 7);
    elsewhere.log = LogId::generate();
    let mut unclaimed = to(&claimed, 7);
    unclaimed.subscriber = SubscriberName::from_static("unclaimed");
    for (progress, kind) in [
        (to(&paused, 7), ErrorKind::Fenced),
        (elsewhere, ErrorKind::LogDiverged),
        (to(&claimed, 4), ErrorKind::Invalid),
        (unclaimed, ErrorKind::NotFound),
    ] {
        let error = store.advance(&refuse(progress)).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        expect(&store, &parked).await;
    }
    let unclaimed = SubscriberName::from_static("unclaimed");
    let listed = store.dead_letters(&unclaimed, Position::START, 9).await;
    assert_eq!(listed.unwrap(), []);
}

/// Parked again at the same position, after one more attempt: the newer account of it is
/// kept, once. The checkpoint need not move for that.
pub async fn parking_again_replaces<S: CheckpointStore + DeadLetterStore>(store: S) {
    let claimed = claim(&store).await;
    let first = letter(3, "a").failed("once", 1);
    park(&store, &claimed, 5, &[first.clone(), letter(4, "a")]).await;
    let again = first.failed("twice", 2);
    park(&store, &claimed, 5, std::slice::from_ref(&again)).await;
    let listed = list(&store).await;
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0], again);
}

/// What was handled after all is gone, without a trace among the skipped.
pub async fn a_handled_letter_is_gone<S: CheckpointStore + DeadLetterStore>(store: S) {
    let claimed = claim(&store).await;
    let letters = [letter(3, "a"), letter(4, "b"), letter(5, "a")];
    park(&store, &claimed, 5, &letters).await;
    release(&store, &claimed, vec![Release::Handled(Position::new(3))]).await;
    expect(&store, &letters[1..]).await;
    expect_parked(&store, vec![(stream("a"), 5), (stream("b"), 4)]).await;
    assert_eq!(store.skipped(&orders(), Position::START, 9).await.unwrap(), []);
    let rest = [4, 5].map(|n| Release::Handled(Position::new(n)));
    release(&store, &claimed, rest.into()).await;
    expect(&store, &[]).await;
    expect_parked(&store, Vec::new()).await;
}

/// What was given up is gone from the letters and kept among the skipped, with the reason.
pub async fn a_skipped_letter_is_kept_with_its_reason<S: CheckpointStore + DeadLetterStore>(
    store: S,
) {
    let claimed = claim(&store).await;
    let letters: Vec<_> = (1..=5).map(|n| letter(n, "a").failed("why", 3)).collect();
    park(&store, &claimed, 5, &letters).await;
    let skip = |n: u64| Release::Skipped(Position::new(n), format!("reason '{n}' 文"));
    release(&store, &claimed, vec![skip(4), skip(2)]).await;
    release(&store, &claimed, vec![skip(1)]).await;
    expect(&store, &[letters[2].clone(), letters[4].clone()]).await;
    let kept = |n: u64, letter: usize| (letters[letter].clone(), format!("reason '{n}' 文"));
    let skipped = [kept(1, 0), kept(2, 1), kept(4, 3)];
    for (after, limit, wanted) in [(0, 9, 0..3), (0, 2, 0..2), (1, 9, 1..3), (4, 9, 3..3)] {
        let listed = store.skipped(&orders(), Position::new(after), limit).await;
        assert_eq!(listed.unwrap(), skipped[wanted], "{limit} after {after}");
    }
}

/// The same progress again, after a lost reply, changes nothing: nothing is parked twice,
/// nothing is skipped twice, and a release of what is gone is no error.
pub async fn the_same_progress_again_changes_nothing<S: CheckpointStore + DeadLetterStore>(
    store: S,
) {
    let claimed = claim(&store).await;
    park(&store, &claimed, 5, &[letter(3, "a"), letter(4, "a")]).await;
    let progress = Progress::from(&claimed, Position::new(9))
        .with_parked(vec![letter(8, "b")])
        .with_released(vec![
            Release::Handled(Position::new(3)),
            Release::Skipped(Position::new(4), "given up".into()),
        ]);
    store.advance(&progress).await.unwrap();
    let (parked, skipped) = (list(&store).await, skipped(&store).await);
    assert_eq!((parked.len(), skipped.len()), (1, 1));
    store.advance(&progress).await.unwrap();
    expect(&store, &parked).await;
    assert_eq!(store.skipped(&orders(), Position::START, 9).await.unwrap(), skipped);
}

/// Letters belong to one subscriber: the same event may be parked for two.
pub async fn subscribers_are_told_apart<S: CheckpointStore + DeadLetterStore>(store: S) {
    let claimed = claim(&store).await;
    let name = SubscriberName::from_static("other");
    let other = store.claim(&name, claimed.log, &Owner::new("one")).await.unwrap();
    let mine = letter(3, "a");
    let mut theirs = mine.clone();
    theirs.subscriber = name.clone();
    park(&store, &claimed, 5, std::slice::from_ref(&mine)).await;
    park(&store, &other, 5, std::slice::from_ref(&theirs)).await;
    release(&store, &other, vec![Release::Skipped(Position::new(3), "theirs".into())]).await;
    expect(&store, &[mine]).await;
    assert_eq!(skipped(&store).await, []);
    let listed = store.skipped(&name, Position::START, 9).await.unwrap();
    assert_eq!(listed, [(theirs, "theirs".to_owned())]);
}

/// Letters and skipped ones behind a step back are forgotten, since the events come again;
/// those before it stay, and so do those of others.
pub async fn a_step_back_takes_the_letters_that_come_again<S: CheckpointStore + DeadLetterStore>(
    store: S,
) {
    let claimed = claim(&store).await;
    let letters: Vec<_> = (1..=6).map(|n| letter(n, "a")).collect();
    park(&store, &claimed, 9, &letters).await;
    let skip = |n| Release::Skipped(Position::new(n), "no use".to_owned());
    let at_nine = Progress::from(&claimed, Position::new(9));
    store.advance(&at_nine.with_released(vec![skip(2), skip(5)])).await.unwrap();
    let other = SubscriberName::from_static("other");
    let of_other = store.claim(&other, claimed.log, &Owner::new("one")).await.unwrap();
    let letter_of_other =
        DeadLetter::waiting(other.clone(), Position::new(6), EventId::new(), stream("a"));
    let progress = Progress::from(&of_other, Position::new(9));
    store.advance(&progress.with_parked(vec![letter_of_other.clone()])).await.unwrap();

    let now = store.checkpoint(&orders()).await.unwrap().unwrap();
    let back = Progress::back_to(&now, Position::new(3)).with_parked(vec![letters[3].clone()]);
    store.advance(&back).await.unwrap();
    expect(&store, &[letters[0].clone(), letters[2].clone(), letters[3].clone()]).await;
    let skipped = store.skipped(&orders(), Position::START, 9).await.unwrap();
    let skipped: Vec<_> = skipped.iter().map(|(letter, _)| letter.position.get()).collect();
    assert_eq!(skipped, [2]);
    let theirs = store.dead_letters(&other, Position::START, 9).await.unwrap();
    assert_eq!(theirs, [letter_of_other]);
}

/// A forgotten subscriber has no letters any more, and no skipped ones; others keep theirs.
pub async fn forgetting_takes_the_letters<S: CheckpointStore + DeadLetterStore>(store: S) {
    let claimed = claim(&store).await;
    park(&store, &claimed, 5, &[letter(3, "a"), letter(4, "b")]).await;
    release(&store, &claimed, vec![Release::Skipped(Position::new(3), "x".into())]).await;
    let name = SubscriberName::from_static("other");
    let other = store.claim(&name, claimed.log, &Owner::new("one")).await.unwrap();
    let mut kept = letter(4, "b");
    kept.subscriber = name.clone();
    park(&store, &other, 5, std::slice::from_ref(&kept)).await;
    store.forget(&orders()).await.unwrap();
    expect(&store, &[]).await;
    expect_parked(&store, Vec::new()).await;
    assert_eq!(skipped(&store).await, []);
    let listed = store.dead_letters(&name, Position::START, 9).await.unwrap();
    assert_eq!(listed, [kept]);
}

fn orders() -> SubscriberName {
    SubscriberName::from_static("orders")
}

/// A letter that only waits.
fn letter(position: u64, key: &str) -> DeadLetter {
    DeadLetter::waiting(orders(), Position::new(position), EventId::new(), stream(key))
}

async fn claim(store: &impl CheckpointStore) -> Checkpoint {
    let log = LogId::from_uuid(uuid::Uuid::from_u128(7));
    let claimed = store.claim(&orders(), log, &Owner::new("one")).await;
    claimed.expect("it can be claimed")
}

async fn park(store: &impl CheckpointStore, by: &Checkpoint, at: u64, letters: &[DeadLetter]) {
    let progress = Progress::from(by, Position::new(at)).with_parked(letters.to_vec());
    store.advance(&progress).await.expect("progress is taken");
}

/// Releases without moving the checkpoint.
async fn release(store: &impl CheckpointStore, by: &Checkpoint, released: Vec<Release>) {
    let now = store.checkpoint(&by.subscriber).await.unwrap().unwrap();
    let progress = Progress::from(by, now.position).with_released(released);
    store.advance(&progress).await.expect("progress is taken");
}

async fn list(store: &impl DeadLetterStore) -> Vec<DeadLetter> {
    let listed = store.dead_letters(&orders(), Position::START, 1_000).await;
    listed.expect("letters can be listed")
}

async fn skipped(store: &impl DeadLetterStore) -> Vec<(DeadLetter, String)> {
    let listed = store.skipped(&orders(), Position::START, 1_000).await;
    listed.expect("skipped letters can be listed")
}

async fn expect(store: &impl DeadLetterStore, letters: &[DeadLetter]) {
    assert_eq!(list(store).await, letters);
}

async fn expect_parked(store: &impl DeadLetterStore, mut wanted: Vec<(StreamId, u64)>) {
    let streams = store.parked_streams(&orders()).await;
    let mut streams: Vec<_> = streams
        .expect("streams can be listed")
        .into_iter()
        .map(|(stream, position)| (stream, position.get()))
        .collect();
    streams.sort();
    wanted.sort();
    assert_eq!(streams, wanted);
}
