//! Which of two snapshots stays.

use es_core::{EventId, LogId, Payload, Snapshot, SnapshotKey, SnapshotStore, Version};

use super::MemorySnapshotStore;
use crate::sample::stream;

fn snapshot(log: LogId, version: u64, state: u64) -> Snapshot {
    let key = SnapshotKey::new(stream("a/1"), 7);
    let version = Version::new(version).unwrap();
    let state = Payload::json(&state).unwrap();
    Snapshot::new(key, version, EventId::new(), log, state)
}

#[tokio::test]
async fn the_newest_of_a_log_stays_and_another_log_replaces_it() {
    let store = MemorySnapshotStore::new();
    let (log, other) = (LogId::generate(), LogId::generate());
    let key = snapshot(log, 1, 0).key;
    assert!(store.load(&key).await.unwrap().is_none());
    // What is saved, and what is there then.
    for (saved, there) in [
        (snapshot(log, 5, 1), 1),
        (snapshot(log, 4, 2), 1),
        (snapshot(log, 5, 3), 3),
        (snapshot(log, 6, 4), 4),
        (snapshot(other, 2, 5), 5),
    ] {
        store.save(saved).await.unwrap();
        let found = store.clone().load(&key).await.unwrap().unwrap();
        assert_eq!(found.state.to_json::<u64>().unwrap(), there);
    }
}

#[tokio::test]
async fn a_snapshot_is_found_by_its_whole_key_until_it_is_deleted() {
    let store = MemorySnapshotStore::new();
    let kept = snapshot(LogId::generate(), 1, 0);
    store.save(kept.clone()).await.unwrap();
    let other_shape = SnapshotKey::new(kept.key.stream.clone(), 8);
    let other_stream = SnapshotKey::new(stream("t@a/1"), 7);
    for key in [&other_shape, &other_stream] {
        assert_eq!(store.load(key).await.unwrap(), None);
        store.delete(key).await.unwrap();
    }
    assert_eq!(store.load(&kept.key).await.unwrap().as_ref(), Some(&kept));
    store.delete(&kept.key).await.unwrap();
    assert_eq!(store.load(&kept.key).await.unwrap(), None);
}
