//! Aggregates over upcasters: split events are taken whole or not at all, and dropped ones
//! count as versions.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use es_aggregate::{Repository, Root, SnapshotPolicy};
use es_core::{
    Append, AppendRequest, Backend, Capabilities, Durability, ErrorKind, EventStore, EventType,
    ExpectedVersion, Head, Invalid, Key, NewEvent, PageStream, Payload, Position, Read, Receipt,
    Recorded, Result, Schema, Store, StreamId, Upcasters, Version,
};
use serde_json::{Value, json};

use crate::account::{Account, AccountEvent, Deposit, EnsureOpen, Withdraw, accounts};

crate::on_every_store!(
    old_forms_are_folded,
    the_past_is_there_at_every_version,
    a_stream_that_ends_with_a_dropped_event_can_be_written_on,
    a_stream_of_dropped_events_is_there,
    a_kept_state_takes_in_parts_and_gaps,
    a_snapshot_that_ends_with_a_split_or_a_dropped_event_is_folded_on,
    a_read_that_ends_within_an_event_gives_no_state,
    a_step_that_fails_is_an_error_with_its_position,
    a_history_is_replayed_whole_or_not_at_all,
);

/// `created` was renamed, `moved` was split, `viewed` is dropped.
fn upcasters() -> Upcasters {
    let (withdrawn, deposited) = (("account.withdrawn", 1), ("account.deposited", 1));
    Upcasters::builder()
        .current::<AccountEvent>()
        .rename(("account.created", 1), ("account.opened", 1))
        .split_json(("account.moved", 1), [withdrawn, deposited], move |payload| {
            let cents = |name: &str| payload[name].as_u64().ok_or("no amount");
            let (out, back) = (cents("out")?, cents("in")?);
            Ok(vec![
                (deposited, json!({ "cents": back })),
                (withdrawn, json!({ "cents": out })),
                (deposited, json!({ "cents": 0 })),
            ])
        })
        .drop_all(EventType::from_static("account.viewed"))
        .build()
        .unwrap()
}

fn alice() -> StreamId {
    StreamId::new("account", "alice").unwrap()
}

fn version(number: u64) -> Version {
    Version::new(number).unwrap()
}

/// Writes events as an older program did.
async fn put(store: &Store, events: &[(&'static str, Value)]) {
    let events = events.iter().map(|(name, payload)| {
        NewEvent::raw(Schema::from_static(name, 1), Payload::json(payload).unwrap())
    });
    store.append(Append::to(alice(), ExpectedVersion::Any).events(events)).await.unwrap();
}

fn created() -> (&'static str, Value) {
    ("account.created", json!({ "owner": "Alice" }))
}

fn deposited(cents: u64) -> (&'static str, Value) {
    ("account.deposited", json!({ "cents": cents }))
}

fn moved(out: u64, back: u64) -> (&'static str, Value) {
    ("account.moved", json!({ "out": out, "in": back }))
}

fn viewed() -> (&'static str, Value) {
    ("account.viewed", json!({}))
}

fn upcast(store: &Store) -> Repository<Account> {
    accounts(&store.clone().layer(&upcasters()))
}

async fn old_forms_are_folded(store: Store) {
    put(&store, &[created(), deposited(10), viewed(), moved(5, 7), deposited(1)]).await;
    let accounts = upcast(&store);
    let account = accounts.load("alice").await.unwrap();
    assert_eq!(account.owner.as_deref(), Some("Alice"));
    assert_eq!((account.cents, account.version()), (13, Some(version(5))));
    accounts.execute("alice", &Withdraw(13)).await.unwrap();
    assert_eq!(accounts.load("alice").await.unwrap().cents, 0);
}

async fn the_past_is_there_at_every_version(store: Store) {
    put(&store, &[created(), deposited(10), viewed(), moved(5, 7), viewed()]).await;
    let accounts = upcast(&store);
    for (number, cents) in [(1, 0), (2, 10), (3, 10), (4, 12), (5, 12)] {
        let then = accounts.load_at("alice", version(number)).await.unwrap();
        assert_eq!((then.cents, then.version()), (cents, Some(version(number))));
    }
}

async fn a_stream_that_ends_with_a_dropped_event_can_be_written_on(store: Store) {
    put(&store, &[created(), viewed()]).await;
    for accounts in [upcast(&store), upcast(&store).with_cache(4).unwrap()] {
        let accounts = accounts.with_retries(0);
        assert!(accounts.exists("alice").await.unwrap());
        let before = accounts.version("alice").await.unwrap().unwrap();
        let saved = accounts.execute("alice", &Deposit(1)).await.unwrap();
        assert_eq!(saved.version, Some(before.next()));
        put(&store, &[viewed()]).await;
        let mut root = accounts.load("alice").await.unwrap();
        root.record(AccountEvent::Deposited { cents: 1 });
        accounts.save(&mut root).await.unwrap();
        put(&store, &[viewed()]).await;
    }
}

async fn a_stream_of_dropped_events_is_there(store: Store) {
    put(&store, &[viewed(), viewed()]).await;
    let accounts = upcast(&store);
    let root = accounts.load("alice").await.unwrap();
    assert_eq!((root.state(), root.version()), (&Account::default(), Some(version(2))));
    let mut new = accounts.create("alice").unwrap();
    new.record(AccountEvent::Opened { owner: "Alice".to_owned() });
    let error = accounts.save(&mut new).await.unwrap_err();
    assert_eq!(error.conflict().unwrap().actual, Some(version(2)));
    accounts.execute("alice", &EnsureOpen("Alice")).await.unwrap();
}

async fn a_kept_state_takes_in_parts_and_gaps(store: Store) {
    let accounts = upcast(&store).with_cache(4).unwrap();
    accounts.execute("alice", &Deposit(10)).await.unwrap();
    put(&store, &[moved(3, 1), viewed()]).await;
    // A conflict brings it up to date.
    let saved = accounts.execute("alice", &Deposit(2)).await.unwrap();
    assert_eq!(saved.version, Some(version(4)));
    put(&store, &[viewed(), moved(0, 5)]).await;
    // And so does a refusal: 15 are there, not 10.
    accounts.execute("alice", &Withdraw(15)).await.unwrap();
    assert_eq!(accounts.load("alice").await.unwrap().cents, 0);
}

async fn a_snapshot_that_ends_with_a_split_or_a_dropped_event_is_folded_on(store: Store) {
    for (last, before, after) in [(moved(5, 7), 12, 13), (viewed(), 10, 11)] {
        let snapshots = es_store_memory::MemorySnapshotStore::default();
        let accounts = upcast(&store).with_snapshots(snapshots, SnapshotPolicy::on_demand());
        let stream = accounts.stream("alice").unwrap();
        let end = store.version(&stream).await.unwrap().map_or(0, Version::get);
        let start = match end {
            0 => 0,
            _ => accounts.load("alice").await.unwrap().cents,
        };
        put(&store, &[deposited(10), last]).await;
        accounts.snapshot("alice").await.unwrap();
        let root = accounts.load("alice").await.unwrap();
        assert_eq!((root.cents, root.version().unwrap().get()), (start + before, end + 2));
        put(&store, &[deposited(1)]).await;
        let root = accounts.load("alice").await.unwrap();
        assert_eq!((root.cents, root.version().unwrap().get()), (start + after, end + 3));
    }
}

/// A store that ends every read after so many events.
#[derive(Debug)]
struct Short(Backend, u64);

#[async_trait]
impl EventStore for Short {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        self.0.append(append).await
    }

    fn read(&self, read: Read) -> PageStream {
        self.0.read(read.limit(self.1))
    }

    async fn head(&self) -> Result<Head> {
        self.0.head().await
    }

    async fn wait(&self, after: Position) -> Result<Head> {
        self.0.wait(after).await
    }

    async fn durability(&self) -> Result<Durability> {
        self.0.durability().await
    }
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "short {}", self.0)
    }
}

async fn a_read_that_ends_within_an_event_gives_no_state(store: Store) {
    put(&store, &[deposited(10), moved(5, 7)]).await;
    let snapshots = es_store_memory::MemorySnapshotStore::default();
    let on = |store: Store| {
        accounts(&store).with_snapshots(snapshots.clone(), SnapshotPolicy::on_demand())
    };
    let whole = store.clone().layer(&upcasters());
    let short = |events| {
        whole.clone().layer(&move |inner: Backend| -> Backend { Arc::new(Short(inner, events)) })
    };
    let error = on(short(3)).load("alice").await.unwrap_err();
    assert!(matches!(error.invalid(), Some(Invalid::PartGap { expected: 2, .. })), "{error}");
    // Nor does it when it goes on from a snapshot, which is read from its last event on.
    on(whole.clone()).snapshot("alice").await.unwrap();
    put(&store, &[moved(1, 1)]).await;
    let error = on(short(5)).load("alice").await.unwrap_err();
    assert!(matches!(error.invalid(), Some(Invalid::PartGap { expected: 2, .. })), "{error}");
}

async fn a_step_that_fails_is_an_error_with_its_position(store: Store) {
    put(&store, &[created(), ("account.moved", json!({}))]).await;
    let error = upcast(&store).load("alice").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undecodable);
    let position = store.head().await.unwrap().position;
    assert_eq!(error.undecodable_details().unwrap().position, Some(position));
}

async fn a_history_is_replayed_whole_or_not_at_all(store: Store) {
    put(&store, &[deposited(10), moved(5, 7), viewed(), deposited(1)]).await;
    let store = store.layer(&upcasters());
    let key = || Key::new("alice").unwrap();
    let all = store.read(Read::stream(alice())).into_vec().await.unwrap();
    assert_eq!(all.len(), 6);
    let root = Root::<Account>::replay_untyped(key(), all.clone()).unwrap();
    assert_eq!((root.cents, root.version()), (13, Some(version(4))));

    let without = |left_out: &[usize]| -> Vec<Recorded> {
        let each = all.iter().enumerate().filter(|(at, _)| !left_out.contains(at));
        each.map(|(_, event)| event.clone()).collect()
    };
    let gap = |events: Vec<Recorded>| match Root::<Account>::replay_untyped(key(), events) {
        Err(error) => error.invalid().cloned(),
        Ok(_) => None,
    };
    let part = |expected| {
        let (stream, version) = (alice(), version(2));
        Some(Invalid::PartGap { stream, version, expected })
    };
    for (missing, expected) in [(1, 0), (2, 1), (3, 2)] {
        assert_eq!(gap(without(&[missing])), part(expected), "part {missing}");
    }
    assert_eq!(gap(all[..3].to_vec()), part(2), "it ends within the event");
    let swapped = [&all[..2], &[all[3].clone(), all[2].clone()], &all[4..]].concat();
    assert_eq!(gap(swapped), part(1), "parts in another order");
    let twice = [&all[..3], &[all[2].clone()], &all[3..]].concat();
    assert_eq!(gap(twice), part(2), "a part twice");
    assert!(matches!(gap(without(&[4])), Some(Invalid::VersionGap { .. })), "the dropped one");

    // The rest of another event does not make this one whole.
    let bob = StreamId::new("account", "bob").unwrap();
    let events = [moved(1, 1), moved(2, 2)].map(|(name, payload)| {
        NewEvent::raw(Schema::from_static(name, 1), Payload::json(&payload).unwrap())
    });
    store.append(Append::to(bob.clone(), ExpectedVersion::NoStream).events(events)).await.unwrap();
    let two = store.read(Read::stream(bob)).into_vec().await.unwrap();
    let mixed = [&two[..1], &two[4..]].concat();
    let error = Root::<Account>::replay_untyped(Key::new("bob").unwrap(), mixed).unwrap_err();
    assert!(matches!(error.invalid(), Some(Invalid::PartGap { expected: 1, .. })), "{error}");

    // A typed read passes over what was dropped, and the gap is noticed.
    let typed = store.read_as::<AccountEvent>(Read::stream(alice())).into_vec().await.unwrap();
    let error = Root::<Account>::replay(key(), typed.clone()).unwrap_err();
    assert!(matches!(error.invalid(), Some(Invalid::VersionGap { .. })), "{error}");
    let until_there = typed.into_iter().filter(|event| event.version < version(3));
    let root = Root::<Account>::replay(key(), until_there).unwrap();
    assert_eq!((root.cents, root.version()), (12, Some(version(2))));
}
