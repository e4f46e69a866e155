//! Checkpoints, fences, dead letters, and rows that commit together with them.

use std::cmp::Ordering;

use es_core::{
    Checkpoint, CheckpointStore, DeadLetter, DeadLetterStore, Diverged, ErrorKind, EventId, LogId,
    Owner, Position, Progress, ReadModel, Release, SubscriberName,
};

use super::{MemoryCheckpointStore, MemoryReadModel, MemoryTx, Table};
use crate::sample::stream;

const ROWS: Table<String, u64> = Table::new("rows");
const OTHER: Table<u32, &str> = Table::new("other");

fn name() -> SubscriberName {
    SubscriberName::from_static("orders")
}

fn at(position: u64) -> Position {
    Position::new(position)
}

fn key(text: &str) -> String {
    text.to_owned()
}

async fn claim(store: &impl CheckpointStore, log: LogId) -> Checkpoint {
    store.claim(&name(), log, &Owner::new("w")).await.unwrap()
}

fn letter(position: u64, of: &str) -> DeadLetter {
    DeadLetter::waiting(name(), at(position), EventId::new(), stream(of))
}

#[tokio::test]
async fn each_claim_raises_the_epoch_and_keeps_the_position() {
    let store = MemoryCheckpointStore::new();
    let log = LogId::generate();
    assert_eq!(store.checkpoint(&name()).await.unwrap(), None);
    let first = claim(&store, log).await;
    assert_eq!((first.epoch, first.position, first.log), (1, Position::START, log));
    let event = EventId::new();
    let progress = Progress::from(&first, at(5)).with_event(event);
    store.advance(&progress).await.unwrap();

    let other = Owner::new("other");
    let second = store.claim(&name(), log, &other).await.unwrap();
    assert_eq!((second.epoch, second.position), (2, at(5)));
    assert_eq!((&second.owner, second.event), (&other, Some(event)));
    let seen = store.clone().checkpoint(&name()).await.unwrap();
    assert_eq!(seen, Some(second));
}

#[tokio::test]
async fn a_claim_of_another_log_changes_nothing() {
    let store = MemoryCheckpointStore::new();
    let (log, found) = (LogId::generate(), LogId::generate());
    let first = claim(&store, log).await;
    let error = store.claim(&name(), found, &Owner::new("w")).await.unwrap_err();
    let replaced = Diverged::Replaced { expected: log, found };
    assert_eq!(error.diverged(), Some(&replaced));
    assert_eq!(store.checkpoint(&name()).await.unwrap(), Some(first));
}

#[tokio::test]
async fn progress_that_may_not_be_made_changes_nothing() {
    let store = MemoryCheckpointStore::new();
    let log = LogId::generate();
    let never = Progress::from(&Checkpoint::first(name(), log, Owner::new("w")), at(1));
    let error = store.advance(&never).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);

    let old = claim(&store, log).await;
    let current = claim(&store, log).await;
    store.advance(&Progress::from(&current, at(5))).await.unwrap();
    let before = store.checkpoint(&name()).await.unwrap();

    let fenced = store.advance(&Progress::from(&old, at(9))).await.unwrap_err();
    let fenced = fenced.fenced().unwrap();
    assert_eq!((fenced.held, fenced.current), (1, 2));

    let mut elsewhere = Progress::from(&current, at(9));
    elsewhere.log = LogId::generate();
    let error = store.advance(&elsewhere).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LogDiverged);

    let parked = vec![letter(4, "a/1")];
    let back = Progress::from(&current, at(4)).with_parked(parked);
    let error = store.advance(&back).await.unwrap_err();
    assert!(error.invalid().is_some(), "{error}");

    assert_eq!(store.checkpoint(&name()).await.unwrap(), before);
    assert!(store.parked_streams(&name()).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_event_of_a_checkpoint_is_the_one_at_its_position() {
    let store = MemoryCheckpointStore::new();
    let checkpoint = claim(&store, LogId::generate()).await;
    let event = EventId::new();
    let to = |position| Progress::from(&checkpoint, at(position));
    for (progress, expected) in
        [(to(5).with_event(event), Some(event)), (to(5), Some(event)), (to(6), None)]
    {
        store.advance(&progress).await.unwrap();
        let seen = store.checkpoint(&name()).await.unwrap().unwrap();
        assert_eq!((seen.position, seen.event), (progress.position, expected));
    }
}

#[tokio::test]
async fn whoever_was_forgotten_is_fenced_for_ever() {
    let store = MemoryCheckpointStore::new();
    let log = LogId::generate();
    let old = claim(&store, log).await;
    let progress = Progress::from(&old, at(5)).with_parked(vec![letter(3, "a/1")]);
    store.advance(&progress).await.unwrap();
    store.forget(&name()).await.unwrap();
    assert_eq!(store.checkpoint(&name()).await.unwrap(), None);
    assert!(store.parked_streams(&name()).await.unwrap().is_empty());
    let late = Progress::from(&old, at(9));
    let error = store.advance(&late).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);

    // A rebuild begins at the start, in another log if need be; the old worker stays out.
    let new = claim(&store, LogId::generate()).await;
    assert_eq!(new.position, Position::START);
    assert!(new.epoch > old.epoch);
    let error = store.advance(&late).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fenced);
    store.forget(&SubscriberName::from_static("nobody")).await.unwrap();
}

#[tokio::test]
async fn dead_letters_are_parked_listed_released_and_skipped() {
    let store = MemoryCheckpointStore::new();
    let checkpoint = claim(&store, LogId::generate()).await;
    let letters = [
        letter(3, "a/1").failed("broken", 2),
        letter(4, "a/2").failed("broken", 2),
        letter(7, "a/1"),
        letter(9, "a/1"),
    ];
    let progress = Progress::from(&checkpoint, at(9)).with_parked(letters.to_vec());
    store.advance(&progress).await.unwrap();

    let listed = |after, limit| {
        let store = store.clone();
        async move { store.dead_letters(&name(), at(after), limit).await.unwrap() }
    };
    assert_eq!(listed(0, 10).await, letters);
    assert_eq!(listed(3, 2).await, letters[1..3]);
    assert_eq!(listed(9, 10).await, []);
    let streams = store.parked_streams(&name()).await.unwrap();
    assert_eq!(streams, [(stream("a/1"), at(3)), (stream("a/2"), at(4))]);

    let released = vec![
        Release::Handled(at(3)),
        Release::Skipped(at(4), key("obsolete")),
        Release::Skipped(at(5), key("never parked")),
        // Tried again, and parked again in the same progress: it stays parked.
        Release::Handled(at(7)),
    ];
    let failed_again = letter(7, "a/1").failed("still broken", 5);
    let progress = Progress::from(&checkpoint, at(9))
        .with_released(released)
        .with_parked(vec![failed_again.clone()]);
    store.advance(&progress).await.unwrap();
    assert_eq!(listed(0, 10).await, [failed_again, letters[3].clone()]);
    let streams = store.parked_streams(&name()).await.unwrap();
    assert_eq!(streams, [(stream("a/1"), at(7))]);
    let skipped = store.skipped(&name(), Position::START, 10).await.unwrap();
    assert_eq!(skipped, [(letters[1].clone(), key("obsolete"))]);
    assert!(store.skipped(&name(), at(4), 10).await.unwrap().is_empty());

    store.forget(&name()).await.unwrap();
    assert!(store.skipped(&name(), Position::START, 10).await.unwrap().is_empty());
}

/// A transaction with one row in each of two tables.
async fn filled(model: &MemoryReadModel, value: u64) -> MemoryTx {
    let mut tx = model.begin().await.unwrap();
    tx.put(&ROWS, key("a"), value).unwrap();
    tx.put(&OTHER, 1, "one").unwrap();
    tx
}

#[tokio::test]
async fn rows_and_checkpoint_commit_together() {
    let model = MemoryReadModel::new();
    let checkpoint = claim(&model, LogId::generate()).await;
    let tx = filled(&model, 1).await;
    assert_eq!(model.len(&ROWS).unwrap(), 0);
    let parked = vec![letter(2, "a/1")];
    let progress = Progress::from(&checkpoint, at(3)).with_parked(parked.clone());
    model.commit(tx, &progress).await.unwrap();
    let model = model.clone();
    assert_eq!(model.get(&ROWS, &key("a")).unwrap(), Some(1));
    assert_eq!(model.rows(&OTHER).unwrap(), [(1, "one")]);
    let seen = model.checkpoint(&name()).await.unwrap().unwrap();
    assert_eq!(seen.position, at(3));
    let letters = model.dead_letters(&name(), Position::START, 9).await.unwrap();
    assert_eq!(letters, parked);
}

#[tokio::test]
async fn a_commit_that_may_not_be_made_changes_nothing() {
    let model = MemoryReadModel::new();
    let log = LogId::generate();
    let old = claim(&model, log).await;
    let current = claim(&model, log).await;
    let tx = filled(&model, 1).await;
    model.commit(tx, &Progress::from(&current, at(5))).await.unwrap();

    let mut elsewhere = Progress::from(&current, at(9));
    elsewhere.log = LogId::generate();
    for (progress, kind) in [
        (Progress::from(&old, at(9)), ErrorKind::Fenced),
        (Progress::from(&current, at(4)), ErrorKind::Invalid),
        (elsewhere, ErrorKind::LogDiverged),
    ] {
        let tx = filled(&model, 2).await;
        let progress = progress.with_parked(vec![letter(9, "a/1")]);
        let error = model.commit(tx, &progress).await.unwrap_err();
        assert_eq!(error.kind(), kind);
    }
    drop(filled(&model, 3).await);
    model.forget(&name()).await.unwrap();
    let tx = filled(&model, 4).await;
    let error = model.commit(tx, &Progress::from(&current, at(9))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(model.rows(&ROWS).unwrap(), [(key("a"), 1)]);
    assert!(model.parked_streams(&name()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_transaction_sees_its_own_writes_over_the_committed_rows() {
    let model = MemoryReadModel::new();
    let checkpoint = claim(&model, LogId::generate()).await;
    let mut tx = model.begin().await.unwrap();
    for (text, value) in [("a", 1), ("b", 2), ("c", 3)] {
        tx.put(&ROWS, key(text), value).unwrap();
    }
    model.commit(tx, &Progress::from(&checkpoint, at(1))).await.unwrap();

    let mut tx = model.begin().await.unwrap();
    assert_eq!(tx.get(&ROWS, &key("a")).unwrap(), Some(1));
    tx.delete(&ROWS, &key("a")).unwrap();
    assert_eq!(tx.get(&ROWS, &key("a")).unwrap(), None);
    tx.update(&ROWS, key("b"), |value| value.map(|value| value + 10)).unwrap();
    assert_eq!(tx.get(&ROWS, &key("b")).unwrap(), Some(12));
    tx.update(&ROWS, key("c"), |_| None).unwrap();
    tx.update(&ROWS, key("d"), |value| Some(value.unwrap_or(0) + 1)).unwrap();
    tx.update(&ROWS, key("e"), |value| value).unwrap();
    let before = [(key("a"), 1), (key("b"), 2), (key("c"), 3)];
    assert_eq!(model.rows(&ROWS).unwrap(), before);
    model.commit(tx, &Progress::from(&checkpoint, at(2))).await.unwrap();
    assert_eq!(model.rows(&ROWS).unwrap(), [(key("b"), 12), (key("d"), 1)]);
    assert_eq!(model.len(&ROWS).unwrap(), 2);
}

#[tokio::test]
async fn transactions_meet_only_by_what_is_committed() {
    let model = MemoryReadModel::new();
    let checkpoint = claim(&model, LogId::generate()).await;
    let mut one = filled(&model, 1).await;
    let two = filled(&model, 2).await;
    assert_eq!(two.get(&ROWS, &key("a")).unwrap(), Some(2));
    one.put(&ROWS, key("b"), 1).unwrap();
    let progress = Progress::from(&checkpoint, at(1));
    model.commit(one, &progress).await.unwrap();
    assert_eq!(two.get(&ROWS, &key("b")).unwrap(), Some(1), "committed meanwhile");
    model.commit(two, &progress).await.unwrap();
    let rows = [(key("a"), 2), (key("b"), 1)];
    assert_eq!(model.rows(&ROWS).unwrap(), rows, "the later commit wins");
}

/// Whoever has made something of a row that is another one now would take back what was done
/// to it.
#[tokio::test]
async fn a_commit_on_rows_that_have_changed_since_is_refused() {
    let model = MemoryReadModel::new();
    let checkpoint = claim(&model, LogId::generate()).await;
    let progress = |position| Progress::from(&checkpoint, at(position));
    let add = |tx: &mut MemoryTx, text| {
        tx.update(&ROWS, key(text), |value| Some(value.unwrap_or(0) + 1)).unwrap();
    };
    let refused = async |tx: MemoryTx| {
        let before = (model.rows(&ROWS).unwrap(), model.len(&OTHER).unwrap());
        let error = model.commit(tx, &progress(9)).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Busy && error.is_temporary(), "{error}");
        assert!(error.to_string().contains("\"rows\""), "{error}");
        assert_eq!((model.rows(&ROWS).unwrap(), model.len(&OTHER).unwrap()), before);
        let known = model.checkpoint(&checkpoint.subscriber).await.unwrap().unwrap();
        assert!(known.position < at(9), "the checkpoint stays with the rows");
    };

    // A row that was not there when it was read.
    let (mut one, mut two) = (model.begin().await.unwrap(), model.begin().await.unwrap());
    add(&mut one, "a");
    add(&mut two, "a");
    two.put(&OTHER, 7, "seven").unwrap();
    model.commit(one, &progress(1)).await.unwrap();
    refused(two).await;

    // One that was, and that was only read: something else was made of it.
    let (mut one, mut two) = (model.begin().await.unwrap(), model.begin().await.unwrap());
    assert_eq!(two.get(&ROWS, &key("a")).unwrap(), Some(1));
    two.put(&ROWS, key("twice a"), 2).unwrap();
    add(&mut one, "a");
    model.commit(one, &progress(2)).await.unwrap();
    assert_eq!(two.get(&ROWS, &key("a")).unwrap(), Some(2), "as it is now");
    refused(two).await;

    // One that was taken away and put back: another one with the same value.
    let mut two = model.begin().await.unwrap();
    add(&mut two, "a");
    let mut one = model.begin().await.unwrap();
    one.delete(&ROWS, &key("a")).unwrap();
    model.commit(one, &progress(3)).await.unwrap();
    let mut one = model.begin().await.unwrap();
    one.put(&ROWS, key("a"), 2).unwrap();
    model.commit(one, &progress(4)).await.unwrap();
    refused(two).await;

    // Rows beside each other are nobody else's business, nor is what was only put.
    let (mut one, mut two) = (model.begin().await.unwrap(), model.begin().await.unwrap());
    add(&mut one, "a");
    add(&mut two, "b");
    two.put(&OTHER, 7, "seven").unwrap();
    one.put(&OTHER, 7, "VII").unwrap();
    model.commit(one, &progress(5)).await.unwrap();
    model.commit(two, &progress(6)).await.unwrap();
    assert_eq!(model.rows(&ROWS).unwrap(), [(key("a"), 3), (key("b"), 1)]);
    assert_eq!(model.rows(&OTHER).unwrap(), [(7, "seven")]);
}

#[tokio::test]
async fn a_table_has_one_row_type() {
    const WRONG: Table<String, i8> = Table::new("rows");
    let model = MemoryReadModel::new();
    let checkpoint = claim(&model, LogId::generate()).await;
    let progress = Progress::from(&checkpoint, at(1));
    let mut tx = filled(&model, 1).await;
    let mut rival = model.begin().await.unwrap();
    rival.put(&OTHER, 2, "two").unwrap();
    rival.put(&WRONG, key("a"), 1).unwrap();
    let in_one = tx.put(&WRONG, key("a"), 1).unwrap_err();
    model.commit(tx, &progress).await.unwrap();

    let mut later = model.begin().await.unwrap();
    for error in [
        in_one,
        model.get(&WRONG, &key("a")).unwrap_err(),
        model.rows(&WRONG).unwrap_err(),
        model.len(&WRONG).unwrap_err(),
        later.get(&WRONG, &key("a")).unwrap_err(),
        later.put(&WRONG, key("a"), 1).unwrap_err(),
        later.delete(&WRONG, &key("a")).unwrap_err(),
        later.update(&WRONG, key("a"), |_| None).unwrap_err(),
        model.commit(rival, &progress).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let text = error.to_string();
        assert!(text.contains("\"rows\"") && text.contains("i8"), "{text}");
    }
    assert_eq!(model.rows(&OTHER).unwrap(), [(1, "one")], "nothing of it is there");
}

#[tokio::test]
async fn a_transaction_belongs_to_one_model() {
    let (model, other) = (MemoryReadModel::new(), MemoryReadModel::new());
    let checkpoint = claim(&model, LogId::generate()).await;
    let tx = filled(&other, 1).await;
    let error = model.commit(tx, &Progress::from(&checkpoint, at(1))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(model.len(&ROWS).unwrap() + other.len(&ROWS).unwrap(), 0);
}

/// A key that cannot be compared with 13.
#[derive(Clone, PartialEq, Eq)]
struct Unlucky(u32);

impl Ord for Unlucky {
    fn cmp(&self, other: &Self) -> Ordering {
        assert!(self.0 != 13 && other.0 != 13, "bad luck");
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Unlucky {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[tokio::test]
async fn a_panic_in_a_commit_never_shows_half_of_it() {
    const UNLUCKY: Table<Unlucky, u32> = Table::new("unlucky");
    let model = MemoryReadModel::new();
    let checkpoint = claim(&model, LogId::generate()).await;
    let mut tx = filled(&model, 1).await;
    tx.put(&UNLUCKY, Unlucky(1), 1).unwrap();
    model.commit(tx, &Progress::from(&checkpoint, at(1))).await.unwrap();

    let mut tx = filled(&model, 2).await;
    // Alone in the changes, it is compared in the commit only.
    tx.put(&UNLUCKY, Unlucky(13), 2).unwrap();
    let committing = {
        let (model, progress) = (model.clone(), Progress::from(&checkpoint, at(2)));
        tokio::spawn(async move { model.commit(tx, &progress).await })
    };
    assert!(committing.await.unwrap_err().is_panic());
    let seen = model.checkpoint(&name()).await.unwrap().unwrap();
    assert_eq!(seen.position, at(1));
    assert_eq!(model.rows(&ROWS).unwrap_err().kind(), ErrorKind::Fault);
    let tx = model.begin().await.unwrap();
    assert_eq!(tx.get(&ROWS, &key("a")).unwrap_err().kind(), ErrorKind::Fault);
}
