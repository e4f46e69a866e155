//! This test binary as a child process that appends until it is done or killed.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use es_core::{
    Append, ErrorKind, EventId, ExpectedVersion, NewEvent, Payload, Schema, Store, StreamId,
};
use es_store_sqlite::SqliteStore;

/// Streams that the children write.
pub(crate) const STREAMS: u64 = 4;

pub(crate) fn stream(number: u64) -> StreamId {
    StreamId::new("shared", number % STREAMS).unwrap()
}

pub(crate) fn event(text: &str) -> NewEvent {
    NewEvent::raw(Schema::from_static("noted", 1), Payload::json(text).unwrap())
}

/// Starts a child that does `mode` with the file.
pub(crate) fn start(file: &Path, mode: &str) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child::the_role_of_a_child", "--nocapture"])
        .env("ES_CHILD_FILE", file)
        .env("ES_CHILD_MODE", mode)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    (child, lines)
}

/// The ids of one acknowledged append, from a line of a child; `None` for other lines and
/// for one that a kill cut short.
pub(crate) fn acknowledged(line: &str) -> Option<Vec<EventId>> {
    let ids = line.trim_end().strip_prefix("acknowledged ")?.strip_suffix(" .")?;
    Some(ids.split(' ').map(|id| id.parse().unwrap()).collect())
}

/// Without a parent it plays one short role and looks at what came of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_role_of_a_child() {
    if let Ok(file) = std::env::var("ES_CHILD_FILE") {
        let store = Store::new(SqliteStore::open(&file).await.unwrap());
        let mode = std::env::var("ES_CHILD_MODE").unwrap();
        play(&store, &mode, u64::MAX).await;
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(SqliteStore::open(folder.path().join("log.db")).await.unwrap());
    play(&store, "load", 5).await;
    assert_eq!(store.head().await.unwrap().position.get(), 4 * 5 * 3);
}

async fn play(store: &Store, mode: &str, rounds: u64) {
    match mode {
        "load" | "heavy load" => {
            let bytes = if mode == "load" { 0 } else { 20_000 };
            let tasks = (0..4).map(|task| tokio::spawn(load(store.clone(), task, rounds, bytes)));
            for task in tasks.collect::<Vec<_>>() {
                task.await.unwrap();
            }
        }
        "exact" => exact(store, rounds.min(150)).await,
        "any" => any(store, rounds.min(50)).await,
        other => panic!("no role {other}"),
    }
}

/// Appends of three events over two streams, each acknowledged by a line.
async fn load(store: Store, task: u64, rounds: u64, bytes: usize) {
    let more = "x".repeat(bytes);
    for round in 0..rounds {
        let events = ["one", "two", "three"].map(|text| event(&format!("{text}{more}")));
        let ids = events.iter().map(|event| event.id).collect();
        let [one, two, three] = events;
        let append = Append::to(stream(task + round), ExpectedVersion::Any)
            .events([one, two])
            .and(stream(task + round + 1), ExpectedVersion::Any)
            .event(three);
        store.append(append).await.unwrap();
        acknowledge(ids);
    }
}

/// Appends at the exact version that it has read, again and again until it wins.
async fn exact(store: &Store, rounds: u64) {
    for round in 0..rounds {
        let new = event("exact");
        loop {
            let version = store.version(&stream(round)).await.unwrap();
            let append = Append::to(stream(round), ExpectedVersion::exactly(version));
            match store.append(append.event(new.clone())).await {
                Ok(receipt) => {
                    assert!(!receipt.replayed);
                    break acknowledge(vec![new.id]);
                }
                Err(error) => {
                    let kind = error.kind();
                    assert!(matches!(kind, ErrorKind::Conflict | ErrorKind::Busy), "{error:?}");
                }
            }
        }
    }
}

/// Many tasks on one stream, none of which may ever conflict.
async fn any(store: &Store, rounds: u64) {
    let tasks = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..rounds {
                let new = event("any");
                let id = new.id;
                let append = Append::to(stream(0), ExpectedVersion::Any).event(new);
                store.append(append).await.unwrap();
                acknowledge(vec![id]);
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

fn acknowledge(ids: Vec<EventId>) {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let mut out = std::io::stdout().lock();
    // The line break before it ends whatever the test runner has begun.
    writeln!(out, "\nacknowledged {} .", ids.join(" ")).unwrap();
    out.flush().unwrap();
}

/// Everything that a child acknowledges until it ends or `until` have come.
pub(crate) fn collect(lines: &mut impl BufRead, until: usize) -> Vec<Vec<EventId>> {
    let mut all = Vec::new();
    let mut line = String::new();
    while all.len() < until && lines.read_line(&mut line).unwrap() > 0 {
        all.extend(acknowledged(&line));
        line.clear();
    }
    all
}
