//! This test binary as a child process that commits rows and checkpoints until it is killed,
//! fenced or done.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use es_core::{
    Checkpoint, CheckpointStore, DeadLetter, ErrorKind, EventId, LogId, Owner, Position, Progress,
    ReadModel,
};
use es_store_sqlite::SqliteReadModel;

use crate::{
    child::stream,
    model::{make_table, name, put},
};

/// Starts a child that does `mode` with the file.
pub(crate) fn start(file: &Path, mode: &str) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "model_child::the_role_of_a_child", "--nocapture"])
        .env("ES_CHILD_FILE", file)
        .env("ES_CHILD_MODE", mode)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    (child, lines)
}

/// The number in the next line that says `word`; `None` at the end of what the child said.
pub(crate) fn next(lines: &mut impl BufRead, word: &str) -> Option<u64> {
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        let said = line.trim_end().strip_prefix(word).and_then(|rest| rest.strip_suffix(" ."));
        if let Some(number) = said.and_then(|number| number.trim().parse().ok()) {
            return Some(number);
        }
        line.clear();
    }
    None
}

/// Without a parent it plays one short role and looks at what came of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_role_of_a_child() {
    if let Ok(file) = std::env::var("ES_CHILD_FILE") {
        match std::env::var("ES_CHILD_MODE").unwrap().as_str() {
            "commit" => commit(&file, u64::MAX).await,
            "fence" => fence(&file).await,
            "open" => open(&file).await,
            other => panic!("no role {other}"),
        }
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("views.db");
    commit(file.to_str().unwrap(), 3).await;
    let model = SqliteReadModel::open(&file).await.unwrap();
    assert_eq!(model.checkpoint(&name()).await.unwrap().unwrap().position.get(), 9);
}

async fn claim(model: &SqliteReadModel, owner: &str) -> Checkpoint {
    let log = LogId::from_uuid(uuid::Uuid::from_u128(7));
    model.claim(&name(), log, &Owner::new(owner)).await.unwrap()
}

/// Three rows, a parked letter and a checkpoint in each commit, acknowledged by a line.
async fn commit(file: &str, rounds: u64) {
    let model = SqliteReadModel::open(file).await.unwrap();
    make_table(&model).await;
    let mut checkpoint = claim(&model, "child").await;
    for _ in 0..rounds {
        let last = checkpoint.position.get();
        let tx = model.begin().await.unwrap();
        (last + 1..=last + 3).for_each(|position| put(&tx, position));
        checkpoint.position = Position::new(last + 3);
        let letter = DeadLetter::waiting(name(), checkpoint.position, EventId::new(), stream(last));
        let progress = Progress::from(&checkpoint, checkpoint.position).with_parked(vec![letter]);
        model.commit(tx, &progress).await.unwrap();
        say("committed", last + 3);
    }
}

/// Claims, waits for a line on its standard input, then goes on until it is fenced.
async fn fence(file: &str) {
    let model = SqliteReadModel::open(file).await.unwrap();
    let mut checkpoint = claim(&model, "child").await;
    say("claimed", checkpoint.epoch);
    let begun = checkpoint.position.get();
    loop {
        let next = checkpoint.position.get() + 1;
        assert!(next < begun + 20_000, "it was never fenced");
        let tx = model.begin().await.unwrap();
        put(&tx, next);
        checkpoint.position = Position::new(next);
        match model.commit(tx, &Progress::from(&checkpoint, checkpoint.position)).await {
            Ok(()) => say("committed", next),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Fenced, "{error:?}");
                return say("fenced", next);
            }
        }
    }
}

/// Opens as soon as its standard input ends, so that several open at once.
async fn open(file: &str) {
    say("ready", 1);
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let model = SqliteReadModel::open(file).await.unwrap();
    let claimed = claim(&model, "child").await;
    say("claimed", claimed.epoch);
}

fn say(word: &str, number: u64) {
    let mut out = std::io::stdout().lock();
    // The line break before it ends whatever the test runner has begun.
    writeln!(out, "\n{word} {number} .").unwrap();
    out.flush().unwrap();
}
