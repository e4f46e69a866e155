//! Read models through `kill -9`, and in several processes on one file.

use std::path::Path;

use es_core::{CheckpointStore, DeadLetterStore, LogId, Owner, Position, Progress, ReadModel};
use es_store_sqlite::{SqliteReadModel, SqliteStore};

use crate::{
    model::{make_table, name, put, rows},
    model_child::{next, start},
};

const KILLS: u64 = 100;

#[tokio::test]
async fn rows_are_what_the_checkpoint_says_through_a_hundred_kills() {
    let folder = tempfile::tempdir().unwrap();
    for (place, file) in [("log", "log.db"), ("file", "views.db")] {
        let file = folder.path().join(file);
        if place == "log" {
            drop(SqliteStore::open(&file).await.unwrap());
        }
        let mut before = 0;
        for kill in 0..KILLS / 2 {
            let (mut process, mut lines) = start(&file, "commit");
            let mut acknowledged = before;
            // Another number each time, so that the kill meets every part of a commit.
            for _ in 0..1 + kill * 7 % 30 {
                acknowledged = next(&mut lines, "committed").expect("it goes on until the kill");
            }
            process.kill().unwrap();
            process.wait().unwrap();
            while let Some(late) = next(&mut lines, "committed") {
                acknowledged = late;
            }
            before = consistent(&file).await;
            assert!(before >= acknowledged, "{acknowledged} was acknowledged, {before} is there");
        }
        assert!(before >= KILLS / 2 * 3);
    }
}

/// The position of the checkpoint, which must be what rows and letters say.
async fn consistent(file: &Path) -> u64 {
    let model = SqliteReadModel::open(file).await.unwrap();
    let checkpoint = model.checkpoint(&name()).await.unwrap().unwrap();
    let position = checkpoint.position.get();
    assert_eq!(rows(&model).await, (1..=position).collect::<Vec<_>>());
    let letters = model.dead_letters(&name(), Position::START, usize::MAX).await.unwrap();
    let parked = letters.iter().map(|letter| letter.position.get());
    assert_eq!(parked.collect::<Vec<_>>(), (3..=position).step_by(3).collect::<Vec<_>>());
    position
}

#[tokio::test]
async fn of_two_processes_with_one_subscriber_the_earlier_is_fenced() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("views.db");
    let model = SqliteReadModel::open(&file).await.unwrap();
    make_table(&model).await;
    for _ in 0..10 {
        let (mut process, mut lines) = start(&file, "fence");
        let theirs = next(&mut lines, "claimed").unwrap();
        next(&mut lines, "committed").unwrap();

        // This claim comes between two commits of theirs, or inside one, and must win.
        let log = LogId::from_uuid(uuid::Uuid::from_u128(7));
        let mut ours = model.claim(&name(), log, &Owner::new("parent")).await.unwrap();
        assert_eq!(ours.epoch, theirs + 1);
        let refused = next(&mut lines, "fenced").unwrap();
        assert!(process.wait().unwrap().success());
        assert_eq!(refused, ours.position.get() + 1, "it was stopped at once");

        let tx = model.begin().await.unwrap();
        put(&tx, refused);
        ours.position = Position::new(refused);
        model.commit(tx, &Progress::from(&ours, ours.position)).await.unwrap();
        assert_eq!(rows(&model).await, (1..=refused).collect::<Vec<_>>(), "no row came twice");
    }
}

#[tokio::test]
async fn processes_that_open_a_users_file_at_once_agree_on_the_tables() {
    for round in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("views.db");
        if round % 2 == 0 {
            let theirs = rusqlite::Connection::open(&file).unwrap();
            theirs.execute_batch("CREATE TABLE mine (x); PRAGMA user_version = 3").unwrap();
        }
        let mut children = [(); 3].map(|()| start(&file, "open"));
        for (_, lines) in &mut children {
            next(lines, "ready").unwrap();
        }
        let inputs: Vec<_> = children.iter_mut().map(|(process, _)| process.stdin.take()).collect();
        drop(inputs);
        let mut epochs = Vec::new();
        for (process, lines) in &mut children {
            epochs.push(next(lines, "claimed").unwrap());
            assert!(process.wait().unwrap().success());
        }
        epochs.sort_unstable();
        assert_eq!(epochs, [1, 2, 3], "one ledger, and a claim each");
    }
}
