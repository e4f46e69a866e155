//! Snapshots: the newest of each key is kept, and comes back as it was (A5).

use std::sync::Arc;

use es_core::{
    ContentType, EventId, LogId, Payload, Snapshot, SnapshotKey, SnapshotStore, Timestamp, Version,
    limits,
};

use crate::{
    sample::{stream, tenant, version},
    tasks::together,
};

/// What was never saved is absent, not an error.
pub async fn an_unknown_key_has_no_snapshot<S: SnapshotStore>(store: S) {
    assert_eq!(store.load(&key("a", 1)).await.unwrap(), None);
    save(&store, &snapshot(key("b", 1), 1)).await;
    assert_eq!(store.load(&key("a", 1)).await.unwrap(), None);
}

/// What was saved comes back: every field.
pub async fn a_snapshot_comes_back<S: SnapshotStore>(store: S) {
    let saved = snapshot(key("a", 1), 7);
    save(&store, &saved).await;
    expect(&store, &saved).await;
}

/// The state comes back byte for byte, of any content type and of any size up to that of
/// a payload.
pub async fn the_state_comes_back_byte_for_byte<S: SnapshotStore>(store: S) {
    let every_byte: Vec<u8> = (0..=255).collect();
    let large = vec![b'x'; limits::MAX_PAYLOAD_BYTES];
    let cbor = ContentType::new("application/cbor").unwrap();
    let states = [
        Payload::new(ContentType::JSON, r#"{ "b":1, "a" : 2, "a":3, "n":"\u0000" }"#),
        Payload::new(ContentType::BINARY, every_byte),
        Payload::new(ContentType::BINARY, Vec::new()),
        Payload::new(cbor, large),
    ];
    for (at, state) in states.into_iter().enumerate() {
        let mut saved = snapshot(key("a", at as u64), 1);
        saved.state = state.unwrap();
        save(&store, &saved).await;
        expect(&store, &saved).await;
    }
}

/// Moments and versions come back at their ends.
pub async fn versions_and_moments_come_back<S: SnapshotStore>(store: S) {
    let mut saved = snapshot(key("a", 1), 1);
    saved.taken_at = Timestamp::from_micros(-1);
    save(&store, &saved).await;
    expect(&store, &saved).await;
    saved.version = Version::MAX;
    saved.taken_at = Timestamp::from_micros(1_700_000_000_123_456);
    save(&store, &saved).await;
    expect(&store, &saved).await;
}

/// A newer version takes the place of an older one.
pub async fn a_newer_version_replaces<S: SnapshotStore>(store: S) {
    save(&store, &snapshot(key("a", 1), 5)).await;
    let newer = snapshot(key("a", 1), 6);
    save(&store, &newer).await;
    expect(&store, &newer).await;
}

/// An older version does not: a worker that is behind does no harm, and gets no error.
pub async fn an_older_version_does_not_replace<S: SnapshotStore>(store: S) {
    let newer = snapshot(key("a", 1), 6);
    save(&store, &newer).await;
    save(&store, &snapshot(key("a", 1), 5)).await;
    expect(&store, &newer).await;
}

/// Another log's snapshot takes the place even of a newer version: the log that the newer
/// one belongs to is gone.
pub async fn a_snapshot_of_another_log_replaces<S: SnapshotStore>(store: S) {
    save(&store, &snapshot(key("a", 1), 6)).await;
    let mut other = snapshot(key("a", 1), 2);
    other.log = LogId::generate();
    save(&store, &other).await;
    expect(&store, &other).await;
}

/// Keys are told apart by stream, by tenant and by every bit of the fingerprint.
pub async fn keys_are_told_apart<S: SnapshotStore>(store: S) {
    let of_acme = SnapshotKey::new(stream("a").with_tenant(tenant("acme")), 1);
    let keys = [
        key("a", 1),
        key("b", 1),
        key("A", 1),
        key("a", 2),
        key("a", 0),
        key("a", u64::MAX),
        key("a", 1 << 63),
        key("a", (1 << 53) + 1),
        key("a", 1 << 53),
        of_acme,
    ];
    let saved: Vec<_> = (1..).zip(keys).map(|(n, key)| snapshot(key, n)).collect();
    for saved in &saved {
        save(&store, saved).await;
    }
    for saved in &saved {
        expect(&store, saved).await;
    }
}

/// A deleted snapshot is gone, and no other one is.
pub async fn a_deleted_snapshot_is_gone<S: SnapshotStore>(store: S) {
    let (deleted, kept) = (snapshot(key("a", 1), 1), snapshot(key("a", 2), 1));
    save(&store, &deleted).await;
    save(&store, &kept).await;
    store.delete(&deleted.key).await.unwrap();
    assert_eq!(store.load(&deleted.key).await.unwrap(), None);
    expect(&store, &kept).await;
}

/// Deleting again, or what never was, is no error.
pub async fn deleting_again_is_safe<S: SnapshotStore>(store: S) {
    store.delete(&key("a", 1)).await.unwrap();
    save(&store, &snapshot(key("a", 1), 1)).await;
    store.delete(&key("a", 1)).await.unwrap();
    store.delete(&key("a", 1)).await.unwrap();
}

/// After a deletion an older version can be saved: nothing is remembered of the newer one.
pub async fn a_deletion_forgets_the_version<S: SnapshotStore>(store: S) {
    save(&store, &snapshot(key("a", 1), 9)).await;
    store.delete(&key("a", 1)).await.unwrap();
    let older = snapshot(key("a", 1), 2);
    save(&store, &older).await;
    expect(&store, &older).await;
}

/// Of many that save at once, the newest stays.
pub async fn of_concurrent_saves_the_newest_stays<S: SnapshotStore>(store: S) {
    let store = Arc::new(store);
    let log = LogId::generate();
    let saves = (1..=16).map(|n| {
        let store = Arc::clone(&store);
        let mut snapshot = snapshot(key("a", 1), 1 + (n * 7) % 16);
        snapshot.log = log;
        async move { store.save(snapshot).await.unwrap() }
    });
    together(saves).await;
    let kept = store.load(&key("a", 1)).await.unwrap().unwrap();
    assert_eq!(kept.version, version(16));
}

fn key(of: &str, fingerprint: u64) -> SnapshotKey {
    SnapshotKey::new(stream(of), fingerprint)
}

/// A snapshot whose state says its version. All are of one log.
fn snapshot(key: SnapshotKey, at: u64) -> Snapshot {
    let log = LogId::from_uuid(uuid::Uuid::from_u128(7));
    let state = Payload::json(&at).unwrap();
    Snapshot::new(key, version(at), EventId::new(), log, state)
}

async fn save(store: &impl SnapshotStore, snapshot: &Snapshot) {
    store.save(snapshot.clone()).await.expect("it can be saved");
}

async fn expect(store: &impl SnapshotStore, saved: &Snapshot) {
    let loaded = store.load(&saved.key).await.expect("it can be loaded");
    assert_eq!(loaded.as_ref(), Some(saved));
}
