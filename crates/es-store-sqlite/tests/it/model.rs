//! Rows of a read model: there with their checkpoint, or not at all.

use es_core::{
    Checkpoint, CheckpointStore, DeadLetter, DeadLetterStore, ErrorKind, EventId, LogId, Owner,
    Position, Progress, ReadModel, Release, SubscriberName,
};
use es_store_sqlite::{SqliteReadModel, SqliteTx};
use tempfile::TempDir;

use crate::child::stream;

const NONE: [u64; 0] = [];

pub(crate) fn name() -> SubscriberName {
    SubscriberName::from_static("rows-v1")
}

fn at(position: u64) -> Position {
    Position::new(position)
}

fn letter(position: u64) -> DeadLetter {
    DeadLetter::waiting(name(), at(position), EventId::new(), stream(position))
}

pub(crate) async fn make_table(model: &SqliteReadModel) {
    let table = "CREATE TABLE IF NOT EXISTS rows (position INTEGER PRIMARY KEY) STRICT";
    model.write(move |db| db.execute_batch(table)).await.unwrap();
}

pub(crate) fn put(tx: &SqliteTx, position: u64) {
    tx.execute("INSERT INTO rows VALUES (?1)", [position.cast_signed()]).unwrap();
}

/// The positions that have a row.
pub(crate) async fn rows(model: &SqliteReadModel) -> Vec<u64> {
    let read = |db: &rusqlite::Connection| {
        let mut statement = db.prepare("SELECT position FROM rows ORDER BY position")?;
        let rows = statement.query_map([], |row| row.get::<_, i64>(0))?;
        rows.map(|row| row.map(i64::cast_unsigned)).collect()
    };
    model.read(read).await.unwrap()
}

async fn claim(model: &SqliteReadModel) -> Checkpoint {
    let log = LogId::from_uuid(uuid::Uuid::from_u128(7));
    model.claim(&name(), log, &Owner::new("w")).await.unwrap()
}

/// A model in a file and one in memory, each with the table.
async fn models() -> (TempDir, Vec<SqliteReadModel>) {
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteReadModel::open(folder.path().join("views.db")).await.unwrap();
    let models = vec![file, SqliteReadModel::in_memory().await.unwrap()];
    for model in &models {
        make_table(model).await;
    }
    (folder, models)
}

#[tokio::test]
async fn rows_checkpoint_and_letters_commit_together() {
    let (_folder, models) = models().await;
    for model in models {
        let checkpoint = claim(&model).await;
        let tx = model.begin().await.unwrap();
        put(&tx, 1);
        let (failed, given_up) = (letter(2), letter(3));
        let progress = Progress::from(&checkpoint, at(3)).with_event(EventId::new());
        let progress = progress.with_parked(vec![failed.clone(), given_up.clone()]);
        model.commit(tx, &progress).await.unwrap();

        let tx = model.begin().await.unwrap();
        put(&tx, 2);
        let handled = Release::Handled(at(2));
        let skipped = Release::Skipped(at(3), "it never was".to_owned());
        let released = Progress::from(&checkpoint, at(3)).with_released(vec![handled, skipped]);
        model.commit(tx, &released).await.unwrap();

        assert_eq!(rows(&model).await, [1, 2]);
        let now = model.checkpoint(&name()).await.unwrap().unwrap();
        assert_eq!((now.position, now.event), (at(3), progress.event), "it did not move");
        assert_eq!(model.dead_letters(&name(), Position::START, 9).await.unwrap(), []);
        let skipped = model.skipped(&name(), Position::START, 9).await.unwrap();
        assert_eq!(skipped, [(given_up, "it never was".to_owned())]);

        // Released and parked in one step: it failed again, and stays.
        let again = letter(4);
        for _ in 0..2 {
            let progress = Progress::from(&checkpoint, at(4)).with_parked(vec![again.clone()]);
            let progress = progress.with_released(vec![Release::Handled(at(4))]);
            model.commit(model.begin().await.unwrap(), &progress).await.unwrap();
        }
        let parked = model.dead_letters(&name(), Position::START, 9).await.unwrap();
        assert_eq!(parked, [again]);
        let now = model.checkpoint(&name()).await.unwrap().unwrap();
        assert_eq!((now.position, now.event), (at(4), None), "an event proves its own place only");
    }
}

#[tokio::test]
async fn refused_progress_writes_no_row_and_parks_no_letter() {
    let (_folder, models) = models().await;
    for model in models {
        let paused = claim(&model).await;
        let current = claim(&model).await;
        let tx = model.begin().await.unwrap();
        put(&tx, 5);
        model.commit(tx, &Progress::from(&current, at(5))).await.unwrap();

        let mut elsewhere = Progress::from(&current, at(9));
        elsewhere.log = LogId::generate();
        let mut unknown = Progress::from(&current, at(9));
        unknown.subscriber = SubscriberName::from_static("nobody");
        for (progress, kind) in [
            (Progress::from(&paused, at(9)), ErrorKind::Fenced),
            (Progress::from(&current, at(4)), ErrorKind::Invalid),
            (Progress::from(&current, at(u64::MAX)), ErrorKind::Invalid),
            (elsewhere, ErrorKind::LogDiverged),
            (unknown, ErrorKind::NotFound),
        ] {
            let tx = model.begin().await.unwrap();
            put(&tx, 9);
            let progress = progress.with_parked(vec![letter(9)]);
            let error = model.commit(tx, &progress).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert_eq!(rows(&model).await, [5]);
            assert_eq!(model.parked_streams(&name()).await.unwrap(), []);
            let now = model.checkpoint(&name()).await.unwrap().unwrap();
            assert_eq!(now.position, at(5));
        }
    }
}

#[tokio::test]
async fn a_dropped_transaction_leaves_nothing_and_lets_the_next_begin() {
    let (_folder, models) = models().await;
    for model in models {
        let checkpoint = claim(&model).await;
        let tx = model.begin().await.unwrap();
        put(&tx, 1);
        drop(tx);
        assert_eq!(rows(&model).await, NONE);
        drop(model.commit(model.begin().await.unwrap(), &Progress::from(&checkpoint, at(2))));
        let now = model.checkpoint(&name()).await.unwrap().unwrap();
        assert_eq!(now.position, Position::START, "nothing of it was ever asked for");
    }
}

#[tokio::test]
async fn a_commit_that_nobody_waits_for_is_whole_or_not_there() {
    let (_folder, models) = models().await;
    for model in models {
        let checkpoint = claim(&model).await;
        for position in 1..=50 {
            let tx = model.begin().await.unwrap();
            put(&tx, position);
            let progress = Progress::from(&checkpoint, at(position));
            let mut commit = Box::pin(model.commit(tx, &progress));
            tokio::select! {
                biased;
                _ = &mut commit => {}
                () = tokio::task::yield_now() => {}
            }
            drop(commit);
            // Whose turn it is next comes behind it.
            drop(model.begin().await.unwrap());
            let now = model.checkpoint(&name()).await.unwrap().unwrap();
            let last = rows(&model).await.last().copied().unwrap_or_default();
            assert_eq!(now.position.get(), last);
        }
    }
}

#[tokio::test]
async fn a_second_transaction_waits_and_may_stop_waiting() {
    let (_folder, models) = models().await;
    for model in models {
        let checkpoint = claim(&model).await;
        let tx = model.begin().await.unwrap();
        put(&tx, 1);
        let mut second = Box::pin(model.begin());
        let mut third = Box::pin(model.begin());
        tokio::select! {
            biased;
            _ = &mut second => panic!("two transactions at once"),
            _ = &mut third => panic!("three transactions at once"),
            () = tokio::task::yield_now() => {}
        }
        drop(second);
        model.commit(tx, &Progress::from(&checkpoint, at(1))).await.unwrap();
        let third = third.await.unwrap();
        put(&third, 2);
        model.commit(third, &Progress::from(&checkpoint, at(2))).await.unwrap();
        assert_eq!(rows(&model).await, [1, 2]);
    }
}

#[tokio::test]
async fn a_begin_that_nobody_waits_for_any_more_gives_its_turn_back() {
    let (_folder, models) = models().await;
    for model in models {
        for _ in 0..50 {
            // The first look sends the work off, then it is dropped at any point of it.
            let mut begin = Box::pin(model.begin());
            tokio::select! {
                biased;
                _ = &mut begin => {}
                () = tokio::task::yield_now() => {}
            }
        }
        put(&model.begin().await.unwrap(), 1);
        assert_eq!(rows(&model).await, NONE);
    }
}

/// What user code does to a transaction, and what must come of it.
#[tokio::test]
async fn user_code_cannot_commit_rows_without_their_checkpoint() {
    let tricks = [
        "COMMIT",
        "END TRANSACTION",
        "COMMIT; BEGIN; INSERT INTO rows VALUES (8)",
        "ROLLBACK",
        "ROLLBACK; INSERT INTO rows VALUES (8)",
        "ROLLBACK; BEGIN; INSERT INTO rows VALUES (8)",
        "ROLLBACK; BEGIN; INSERT INTO rows VALUES (8); COMMIT; BEGIN",
        "ROLLBACK; SAVEPOINT mine; INSERT INTO rows VALUES (8); RELEASE mine",
    ];
    let (_folder, models) = models().await;
    for model in models {
        let checkpoint = claim(&model).await;
        for (trick, number) in tricks.into_iter().zip(10..) {
            let tx = model.begin().await.unwrap();
            put(&tx, number);
            for statement in trick.split("; ") {
                // Some fail; user code may not look.
                drop(tx.execute_batch(statement));
            }
            let error = model.commit(tx, &Progress::from(&checkpoint, at(9))).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{trick}: {error}");
            assert_eq!(rows(&model).await, NONE, "{trick}");
            let now = model.checkpoint(&name()).await.unwrap().unwrap();
            assert_eq!(now.position, Position::START, "{trick}");
        }
        // What user code may do goes on working.
        let tx = model.begin().await.unwrap();
        put(&tx, 1);
        tx.execute_batch("SAVEPOINT mine; INSERT INTO rows VALUES (8); ROLLBACK TO mine").unwrap();
        tx.execute_batch("INSERT INTO rows VALUES (2); RELEASE mine").unwrap();
        model.commit(tx, &Progress::from(&checkpoint, at(2))).await.unwrap();
        assert_eq!(rows(&model).await, [1, 2]);
    }
}

#[tokio::test]
async fn writes_beside_a_checkpoint_are_whole_or_not_there() {
    let (_folder, models) = models().await;
    for model in models {
        let half = model.write(|db| db.execute_batch("INSERT INTO rows VALUES (1); nonsense"));
        assert_eq!(half.await.unwrap_err().kind(), ErrorKind::Fault);
        let committed = model.write(|db| {
            db.execute_batch("INSERT INTO rows VALUES (2)")?;
            drop(db.execute_batch("COMMIT"));
            Ok(())
        });
        assert_eq!(committed.await.unwrap_err().kind(), ErrorKind::Invalid);
        let panicking = model.write(|db| -> rusqlite::Result<()> {
            db.execute_batch("INSERT INTO rows VALUES (3)")?;
            panic!("as user code may")
        });
        assert_eq!(panicking.await.unwrap_err().kind(), ErrorKind::Fault);
        let reading = model.read(|db| db.execute_batch("INSERT INTO rows VALUES (4)"));
        drop(reading.await);
        assert_eq!(rows(&model).await, NONE);
        model.write(|db| db.execute_batch("INSERT INTO rows VALUES (5)")).await.unwrap();
        assert_eq!(rows(&model).await, [5]);
    }
}

#[tokio::test]
async fn a_transaction_belongs_to_one_model() {
    let (_folder, models) = models().await;
    let [one, other] = &models[..] else { panic!("two models") };
    let checkpoint = claim(one).await;
    claim(other).await;
    let tx = other.begin().await.unwrap();
    put(&tx, 1);
    let error = one.commit(tx, &Progress::from(&checkpoint, at(1))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!((rows(one).await, rows(other).await), (vec![], vec![]));
}

/// On a runtime with one thread, a commit that waits for a lock must not stop other tasks.
#[tokio::test]
async fn waiting_for_a_lock_does_not_stop_the_runtime() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("views.db");
    let model = SqliteReadModel::open(&file).await.unwrap();
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut begin = Box::pin(model.begin());
    let mut turns = 0;
    while turns < 1_000 {
        tokio::select! {
            biased;
            _ = &mut begin => panic!("another one holds the lock"),
            () = tokio::task::yield_now() => turns += 1,
        }
    }
    other.execute_batch("COMMIT").unwrap();
    begin.await.unwrap();
}

#[tokio::test]
async fn a_constraint_that_is_checked_late_is_a_refusal_and_no_doubt() {
    let (_folder, models) = models().await;
    for model in models {
        let table =
            "CREATE TABLE parts (row INTEGER REFERENCES rows DEFERRABLE INITIALLY DEFERRED)";
        model.write(move |db| db.execute_batch(table)).await.unwrap();

        let orphan = "INSERT INTO parts VALUES (9)";
        let refused = model.write(move |db| db.execute(orphan, ())).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Fault, "{refused}");

        let checkpoint = claim(&model).await;
        let tx = model.begin().await.unwrap();
        put(&tx, 1);
        tx.execute(orphan, ()).unwrap();
        let refused = model.commit(tx, &Progress::from(&checkpoint, at(1))).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Fault, "{refused}");
        assert_eq!(rows(&model).await, NONE, "it was rolled back");
        assert_eq!(model.checkpoint(&name()).await.unwrap().unwrap().position, Position::START);

        // The connection is fit for the next one, whose parent comes after its child.
        let tx = model.begin().await.unwrap();
        tx.execute(orphan, ()).unwrap();
        put(&tx, 9);
        model.commit(tx, &Progress::from(&checkpoint, at(9))).await.unwrap();
        assert_eq!(rows(&model).await, [9]);
    }
}
