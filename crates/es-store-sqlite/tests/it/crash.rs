//! `kill -9` of a writer under load, over and over, on one file.

use std::{collections::HashMap, path::Path};

use es_core::{Position, Store};
use es_store_sqlite::SqliteStore;

use crate::{checks, child};

const KILLS: usize = 200;

#[tokio::test]
async fn what_was_acknowledged_survives_two_hundred_kills() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    // Another number each time, so that the kill meets every part of a commit.
    let events = kill_over_and_over(&file, "load", (0..KILLS).map(|kill| 1 + kill * 7 % 40)).await;
    assert!(events >= KILLS * 3, "the children have written: {events}");
    let store = Store::new(SqliteStore::open(&file).await.unwrap());
    let all = checks::dense(&store, Position::START, &mut HashMap::new()).await;
    checks::all_there(&all, &[]);
    assert_eq!(all.len(), events);
}

/// So many appends that the write-ahead log is carried over several times, and begun anew.
#[tokio::test]
async fn what_was_acknowledged_survives_kills_while_the_log_is_carried_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let appends = (0..16).map(|kill| 30 + kill * 97 % 400);
    let events = kill_over_and_over(&file, "heavy load", appends.clone()).await;
    assert!(events >= 3 * appends.sum::<usize>(), "{events}");
}

/// Has a child work and kills it once it has acknowledged so many appends, time after time.
/// Gives the number of events.
async fn kill_over_and_over(
    file: &Path,
    mode: &str,
    appends: impl Iterator<Item = usize>,
) -> usize {
    let (mut seen, mut versions) = (Position::START, HashMap::new());
    let mut total = 0;
    for appends in appends {
        let (mut process, mut lines) = child::start(file, mode);
        let mut acknowledged = child::collect(&mut lines, appends);
        process.kill().unwrap();
        process.wait().unwrap();
        // What it had said before it died counts as well.
        acknowledged.extend(child::collect(&mut lines, usize::MAX));

        let store = Store::new(SqliteStore::open(file).await.unwrap());
        let events = checks::dense(&store, seen, &mut versions).await;
        checks::all_there(&events, &acknowledged);
        assert_eq!(events.len() % 3, 0, "an append has three events, and is whole or not there");
        total += events.len();
        seen = store.head().await.unwrap().position;
    }
    total
}
