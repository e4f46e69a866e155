//! `kill -9` of a writer under load, over and over, on one file.

use std::collections::HashMap;

use es_core::{Position, Store};
use es_store_sqlite::SqliteStore;

use crate::{checks, child};

const KILLS: usize = 200;

#[tokio::test]
async fn what_was_acknowledged_survives_two_hundred_kills() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let (mut seen, mut versions) = (Position::START, HashMap::new());
    for kill in 0..KILLS {
        let (mut process, mut lines) = child::start(&file, "load");
        // Another number each time, so that the kill meets every part of a commit.
        let mut acknowledged = child::collect(&mut lines, 1 + kill * 7 % 40);
        process.kill().unwrap();
        process.wait().unwrap();
        // What it had said before it died counts as well.
        acknowledged.extend(child::collect(&mut lines, usize::MAX));

        let store = Store::new(SqliteStore::open(&file).await.unwrap());
        let events = checks::dense(&store, seen, &mut versions).await;
        checks::all_there(&events, &acknowledged);
        assert_eq!(events.len() % 3, 0, "an append has three events, and is whole or not there");
        seen = store.head().await.unwrap().position;
    }
    let store = Store::new(SqliteStore::open(&file).await.unwrap());
    let all = checks::dense(&store, Position::START, &mut HashMap::new()).await;
    checks::all_there(&all, &[]);
    assert!(all.len() >= KILLS * 3, "the children have written: {}", all.len());
}
