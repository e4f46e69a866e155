//! Checkpoints: one owner at a time, fenced by its epoch (P2), forward only, and bound to
//! one log (P7).

use std::sync::Arc;

use es_core::{
    Checkpoint, CheckpointStore, Error, ErrorKind, EventId, LogId, Owner, Position, Progress,
    SubscriberName, limits,
};

use crate::tasks::{together, turns};

/// A subscriber that never claimed has no checkpoint.
pub async fn an_unknown_subscriber_has_no_checkpoint<S: CheckpointStore>(store: S) {
    assert_eq!(store.checkpoint(&orders()).await.unwrap(), None);
    claim(&store, "one").await;
    let other = SubscriberName::from_static("other");
    assert_eq!(store.checkpoint(&other).await.unwrap(), None);
}

/// The first claim creates it at the start of the log, in epoch 1.
pub async fn the_first_claim_starts_at_the_start<S: CheckpointStore>(store: S) {
    let claimed = claim(&store, "one").await;
    assert_eq!(claimed.subscriber, orders());
    assert_eq!(claimed.log, log());
    assert_eq!(claimed.position, Position::START);
    assert_eq!(claimed.event, None);
    assert_eq!(claimed.epoch, 1);
    assert_eq!(claimed.owner, Owner::new("one"));
    expect(&store, &claimed).await;
}

/// Another claim raises the epoch by one, names the new owner and keeps the progress; so
/// does a claim by the same owner.
pub async fn a_claim_raises_the_epoch_and_keeps_the_progress<S: CheckpointStore>(store: S) {
    let first = claim(&store, "one").await;
    let event = EventId::new();
    store.advance(&to(&first, 5).with_event(event)).await.unwrap();
    for (owner, epoch) in [("two", 2), ("two", 3), ("one", 4)] {
        let claimed = claim(&store, owner).await;
        assert_eq!(claimed.epoch, epoch);
        assert_eq!(claimed.owner, Owner::new(owner));
        assert_eq!(claimed.position, Position::new(5));
        assert_eq!(claimed.event, Some(event));
        expect(&store, &claimed).await;
    }
}

/// Progress moves the checkpoint and says of which event it is.
pub async fn progress_moves_the_checkpoint<S: CheckpointStore>(store: S) {
    let claimed = claim(&store, "one").await;
    for position in [1, 2, 10, 1 << 53, i64::MAX.unsigned_abs()] {
        let event = EventId::new();
        store.advance(&to(&claimed, position).with_event(event)).await.unwrap();
        let now = current(&store).await;
        assert_eq!(now.position, Position::new(position));
        assert_eq!(now.event, Some(event));
        assert_eq!((now.epoch, now.log), (claimed.epoch, claimed.log));
        assert_eq!(now.owner, claimed.owner);
    }
}

/// The same progress again is allowed: a reply may have been lost.
pub async fn the_same_progress_again_is_allowed<S: CheckpointStore>(store: S) {
    let claimed = claim(&store, "one").await;
    for _ in 0..3 {
        store.advance(&to(&claimed, 5)).await.unwrap();
    }
    assert_eq!(current(&store).await.position, Position::new(5));
}

/// A step backward is refused, and nothing changes.
pub async fn a_step_backward_is_refused<S: CheckpointStore>(store: S) {
    let claimed = claim(&store, "one").await;
    store.advance(&to(&claimed, 5)).await.unwrap();
    refused(&store, &to(&claimed, 4), ErrorKind::Invalid).await;
    refused(&store, &to(&claimed, 0), ErrorKind::Invalid).await;
}

/// A step back that says that it is one is taken, from the owner only, and proves no event.
pub async fn a_step_back_that_is_meant_is_taken<S: CheckpointStore>(store: S) {
    let paused = claim(&store, "one").await;
    store.advance(&to(&paused, 9).with_event(EventId::new())).await.unwrap();
    let claimed = claim(&store, "two").await;
    refused(
        &store,
        &Progress::back_to(&current_of(&paused, 9), Position::new(4)),
        ErrorKind::Fenced,
    )
    .await;
    let mut of_another_log = Progress::back_to(&claimed, Position::new(4));
    of_another_log.log = LogId::generate();
    refused(&store, &of_another_log, ErrorKind::LogDiverged).await;

    store.advance(&Progress::back_to(&claimed, Position::new(4))).await.unwrap();
    let now = current(&store).await;
    assert_eq!((now.position, now.event), (Position::new(4), None));
    assert_eq!((now.epoch, &now.owner), (claimed.epoch, &claimed.owner));
    refused(&store, &to(&claimed, 3), ErrorKind::Invalid).await;
    // A step back to where it has not come yet stays where it is, and never skips.
    let ahead = Progress::back_to(&now, Position::new(7));
    assert_eq!(ahead.position, Position::new(4));
    store.advance(&ahead).await.unwrap();
    store.advance(&to(&claimed, 5)).await.unwrap();
    store.advance(&Progress::back_to(&current(&store).await, Position::START)).await.unwrap();
    assert_eq!(current(&store).await.position, Position::START);
}

fn current_of(claimed: &Checkpoint, position: u64) -> Checkpoint {
    let mut checkpoint = claimed.clone();
    checkpoint.position = Position::new(position);
    checkpoint
}

/// Whoever owned it before the last claim is fenced, and told both epochs.
pub async fn an_earlier_owner_is_fenced<S: CheckpointStore>(store: S) {
    let paused = claim(&store, "one").await;
    claim(&store, "two").await;
    let now = claim(&store, "three").await;
    let error = refused(&store, &to(&paused, 5), ErrorKind::Fenced).await;
    let fenced = error.fenced().expect("details of the fence");
    assert_eq!(fenced.subscriber, orders());
    assert_eq!((fenced.held, fenced.current), (1, 3));
    store.advance(&to(&now, 5)).await.expect("the owner goes on");
    refused(&store, &to(&paused, 6), ErrorKind::Fenced).await;
}

/// Fenced, also when the claim came from a worker of the same name.
pub async fn the_fence_is_the_epoch_not_the_name<S: CheckpointStore>(store: S) {
    let paused = claim(&store, "one").await;
    claim(&store, "one").await;
    refused(&store, &to(&paused, 5), ErrorKind::Fenced).await;
}

/// An epoch that was never given is refused as well.
pub async fn an_epoch_of_the_future_is_refused<S: CheckpointStore>(store: S) {
    let claimed = claim(&store, "one").await;
    let mut progress = to(&claimed, 5);
    progress.epoch += 1;
    refused(&store, &progress, ErrorKind::Fenced).await;
}

/// A claim for another log is refused, and nothing changes: the owner stays, unfenced.
pub async fn a_claim_for_another_log_has_diverged<S: CheckpointStore>(store: S) {
    let claimed = claim(&store, "one").await;
    store.advance(&to(&claimed, 5)).await.unwrap();
    let before = current(&store).await;
    let error = store.claim(&orders(), LogId::generate(), &Owner::new("two")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LogDiverged);
    assert!(error.diverged().is_some(), "details of the divergence");
    assert_eq!(current(&store).await, before);
    store.advance(&to(&claimed, 6)).await.expect("the owner goes on");
}

/// Progress in another log is refused, and nothing changes.
pub async fn progress_in_another_log_has_diverged<S: CheckpointStore>(store: S) {
    let claimed = claim(&store, "one").await;
    let mut progress = to(&claimed, 5);
    progress.log = LogId::generate();
    refused(&store, &progress, ErrorKind::LogDiverged).await;
}

/// Progress without any claim is refused, and creates nothing.
pub async fn progress_without_a_claim_is_not_found<S: CheckpointStore>(store: S) {
    let never_claimed = Checkpoint::first(orders(), log(), Owner::new("one"));
    let error = store.advance(&to(&never_claimed, 5)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(store.checkpoint(&orders()).await.unwrap(), None);
}

/// Subscribers have checkpoints of their own.
pub async fn subscribers_are_told_apart<S: CheckpointStore>(store: S) {
    let names = ["orders", "Orders", "orders-v2", "order", "o.rders", "заказы"];
    for (position, name) in (1..).zip(names) {
        let name = SubscriberName::from_static(name);
        let claimed = store.claim(&name, log(), &Owner::new("one")).await.unwrap();
        assert_eq!(claimed.epoch, 1, "{name}");
        store.advance(&to(&claimed, position)).await.unwrap();
    }
    for (position, name) in (1..).zip(names) {
        let name = SubscriberName::from_static(name);
        let kept = store.checkpoint(&name).await.unwrap().unwrap();
        assert_eq!(kept.position, Position::new(position), "{name}");
    }
}

/// A subscriber's name of the greatest length is kept whole, and so is an owner's name
/// with any characters.
pub async fn names_come_back<S: CheckpointStore>(store: S) {
    let longest = "é".repeat(limits::MAX_SUBSCRIBER_NAME_BYTES / 2);
    let name = SubscriberName::new(&longest).unwrap();
    let owner = Owner::new("host-7:4711 'quoted' \\ 文");
    let claimed = store.claim(&name, log(), &owner).await.unwrap();
    assert_eq!((&claimed.subscriber, &claimed.owner), (&name, &owner));
    assert_eq!(store.checkpoint(&name).await.unwrap(), Some(claimed));
    assert!(SubscriberName::new(longest + "x").is_err(), "a longer name can be made");
}

/// A forgotten subscriber starts over, also in another log.
pub async fn a_forgotten_subscriber_starts_over<S: CheckpointStore>(store: S) {
    let claimed = claim(&store, "one").await;
    store.advance(&to(&claimed, 5)).await.unwrap();
    store.forget(&orders()).await.unwrap();
    assert_eq!(store.checkpoint(&orders()).await.unwrap(), None);
    let other = LogId::generate();
    let again = store.claim(&orders(), other, &Owner::new("two")).await.unwrap();
    assert_eq!((again.position, again.event), (Position::START, None));
    assert_eq!(again.log, other);
}

/// Forgetting again, or whom nobody knew, is no error; and nobody else is forgotten.
pub async fn forgetting_again_is_safe<S: CheckpointStore>(store: S) {
    let kept = claim(&store, "one").await;
    let other = SubscriberName::from_static("other");
    store.forget(&other).await.unwrap();
    store.claim(&other, log(), &Owner::new("one")).await.unwrap();
    store.forget(&other).await.unwrap();
    store.forget(&other).await.unwrap();
    expect(&store, &kept).await;
}

/// A worker that still runs when its subscriber is forgotten writes nothing any more.
pub async fn a_worker_whose_subscriber_is_forgotten_is_stopped<S: CheckpointStore>(store: S) {
    let running = claim(&store, "one").await;
    store.forget(&orders()).await.unwrap();
    let error = store.advance(&to(&running, 5)).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Fenced));
    assert_eq!(store.checkpoint(&orders()).await.unwrap(), None);
}

/// It is fenced also when the subscriber has started over meanwhile: an epoch is never
/// given twice.
pub async fn an_epoch_is_never_given_twice<S: CheckpointStore>(store: S) {
    let running = claim(&store, "one").await;
    store.forget(&orders()).await.unwrap();
    let again = claim(&store, "two").await;
    assert!(again.epoch > running.epoch, "epoch {} again", again.epoch);
    refused(&store, &to(&running, 5), ErrorKind::Fenced).await;
}

/// Of many that claim at once, each gets an epoch of its own, and the last one owns it.
pub async fn concurrent_claims_get_epochs_of_their_own<S: CheckpointStore>(store: S) {
    let store = Arc::new(store);
    let claims = (0..16).map(|n| {
        let store = Arc::clone(&store);
        async move { claim(&*store, &format!("worker-{n}")).await }
    });
    let mut claimed = together(claims).await;
    claimed.sort_by_key(|checkpoint| checkpoint.epoch);
    let epochs: Vec<_> = claimed.iter().map(|checkpoint| checkpoint.epoch).collect();
    assert_eq!(epochs, (1..=16).collect::<Vec<_>>());
    expect(&*store, &claimed[15]).await;
    for fenced in &claimed[..15] {
        refused(&*store, &to(fenced, 5), ErrorKind::Fenced).await;
    }
}

/// While owners change, no step of a fenced one is taken: whoever claims next finds the
/// step of the owner before, if it was taken, and else finds nothing new.
pub async fn no_step_of_a_fenced_owner_is_taken<S: CheckpointStore>(store: S) {
    let store = Arc::new(store);
    let workers = (0..8).map(|n| {
        let store = Arc::clone(&store);
        async move {
            let mut steps = Vec::new();
            for _ in 0..10 {
                let mine = claim(&*store, &format!("worker-{n}")).await;
                turns(n % 3).await;
                let next = mine.position.get() + 1;
                let taken = match store.advance(&to(&mine, next)).await {
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
    let last = current(&*store).await;
    steps.push((last.epoch + 1, last.position.get(), 0));
    for pair in steps.windows(2) {
        let ((epoch, position, taken), (_, found, _)) = (pair[0], pair[1]);
        assert_eq!(found, position + taken, "behind epoch {epoch}");
    }
}

fn orders() -> SubscriberName {
    SubscriberName::from_static("orders")
}

fn log() -> LogId {
    LogId::from_uuid(uuid::Uuid::from_u128(7))
}

fn to(checkpoint: &Checkpoint, position: u64) -> Progress {
    Progress::from(checkpoint, Position::new(position))
}

async fn claim(store: &impl CheckpointStore, owner: &str) -> Checkpoint {
    let claimed = store.claim(&orders(), log(), &Owner::new(owner)).await;
    claimed.expect("it can be claimed")
}

async fn current(store: &impl CheckpointStore) -> Checkpoint {
    let checkpoint = store.checkpoint(&orders()).await;
    checkpoint.expect("it can be read").expect("it is there")
}

async fn expect(store: &impl CheckpointStore, claimed: &Checkpoint) {
    assert_eq!(&current(store).await, claimed);
}

/// Reports progress that must be refused, and checks that nothing has changed.
async fn refused(store: &impl CheckpointStore, progress: &Progress, kind: ErrorKind) -> Error {
    let before = current(store).await;
    let error = match store.advance(progress).await {
        Ok(()) => panic!("this should be refused as {kind}, but was taken: {progress:?}"),
        Err(error) => error,
    };
    assert_eq!(error.kind(), kind, "refused for another reason: {error}");
    assert_eq!(current(store).await, before, "refused progress changed something");
    error
}
