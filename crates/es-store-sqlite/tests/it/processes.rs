//! Several processes on one file.

use std::collections::HashMap;

use es_core::{Follow, Position, Read, Store};
use es_store_sqlite::SqliteStore;

use crate::{checks, child};

/// Two children and what they acknowledged, followed from this process.
async fn two_children(mode: &str, appends: usize) -> Store {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let store = Store::new(SqliteStore::open(&file).await.unwrap());
    let children = [child::start(&file, mode), child::start(&file, mode)];
    let readers = children.map(|(mut process, mut lines)| {
        tokio::task::spawn_blocking(move || {
            let acknowledged = child::collect(&mut lines, usize::MAX);
            assert!(process.wait().unwrap().success(), "a child met an error");
            acknowledged
        })
    });

    // Woken by nothing but what other processes write.
    let mut follower = store.follow(Read::all());
    let mut followed = Vec::new();
    while followed.len() < 2 * appends {
        match follower.next().await.unwrap().unwrap() {
            Follow::Event(event) => followed.push(event.id),
            Follow::CaughtUp(_) => {}
        }
    }

    let mut acknowledged = Vec::new();
    for reader in readers {
        let theirs = reader.await.unwrap();
        assert_eq!(theirs.len(), appends);
        acknowledged.extend(theirs);
    }
    let events = checks::dense(&store, Position::START, &mut HashMap::new()).await;
    assert_eq!(events.len(), acknowledged.len(), "nothing is there that nobody wrote");
    checks::all_there(&events, &acknowledged);
    assert_eq!(followed, events.iter().map(|event| event.id).collect::<Vec<_>>());
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exact_versions_from_two_processes_lose_nothing() {
    two_children("exact", 150).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_never_conflicts_across_processes() {
    let store = two_children("any", 400).await;
    assert_eq!(store.version(&child::stream(0)).await.unwrap().unwrap().get(), 800);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn those_who_open_a_new_file_at_once_agree_on_the_log() {
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log.db");
        let opening = (0..8).map(|_| tokio::spawn(SqliteStore::open(file.clone())));
        let mut logs = Vec::new();
        for opened in opening.collect::<Vec<_>>() {
            let store = Store::new(opened.await.unwrap().unwrap());
            logs.push(store.head().await.unwrap().log);
        }
        logs.dedup();
        assert_eq!(logs.len(), 1);
    }
}
