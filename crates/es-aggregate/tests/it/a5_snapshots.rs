//! A5: a snapshot is only a cache.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use es_aggregate::{Aggregate, Repository, Root, SnapshotPolicy};
use es_core::{
    Error, ErrorKind, EventId, Key, LogId, Payload, Read, Result, Snapshot, SnapshotKey,
    SnapshotStore, Store, Tenant, Version,
};
use serde::{Deserialize, Serialize};

use crate::account::{Account, AccountEvent, Deposit, Withdraw, accounts, deposit_in_pieces};

crate::on_every_store!(
    a_snapshot_is_taken_when_a_multiple_is_crossed,
    a_snapshot_shortens_the_read,
    a_snapshot_of_another_history_is_not_used,
    a_corrupt_snapshot_is_not_used,
    a_snapshot_of_another_shape_is_not_found,
    a_stale_snapshot_is_folded_on,
    a_failing_snapshot_store_fails_no_command,
    on_demand_means_only_when_asked,
    in_the_background_it_comes_from_committed_state,
    the_past_before_a_snapshot_is_still_there,
    a_state_whose_own_code_panics_costs_time_only,
    a_root_that_was_made_by_hand_has_the_snapshots_of_its_tenant,
);

/// A snapshot store that a test can look into and spoil.
#[derive(Clone, Debug, Default)]
struct Spy {
    inner: es_store_memory::MemorySnapshotStore,
    last: Arc<std::sync::Mutex<Option<Snapshot>>>,
    saves: Arc<AtomicUsize>,
    failing: Arc<AtomicBool>,
}

impl Spy {
    fn last(&self) -> Option<Snapshot> {
        self.last.lock().unwrap().clone()
    }

    fn version(&self) -> Option<u64> {
        self.last().map(|snapshot| snapshot.version.get())
    }

    /// Puts a changed snapshot in the place of the last one.
    async fn spoil(&self, change: impl FnOnce(&mut Snapshot)) {
        let mut snapshot = self.last().unwrap();
        self.inner.delete(&snapshot.key).await.unwrap();
        change(&mut snapshot);
        self.inner.save(snapshot).await.unwrap();
    }

    fn check(&self) -> Result<()> {
        let failing = self.failing.load(Ordering::SeqCst);
        if failing { Err(Error::new(ErrorKind::Fault, "spoilt")) } else { Ok(()) }
    }
}

#[async_trait]
impl SnapshotStore for Spy {
    async fn load(&self, key: &SnapshotKey) -> Result<Option<Snapshot>> {
        self.check()?;
        self.inner.load(key).await
    }

    async fn save(&self, snapshot: Snapshot) -> Result<()> {
        self.saves.fetch_add(1, Ordering::SeqCst);
        self.check()?;
        *self.last.lock().unwrap() = Some(snapshot.clone());
        self.inner.save(snapshot).await
    }

    async fn delete(&self, key: &SnapshotKey) -> Result<()> {
        self.inner.delete(key).await
    }
}

impl std::fmt::Display for Spy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a spied snapshot store")
    }
}

fn every(store: &Store, spy: &Spy, events: u64) -> Repository<Account> {
    accounts(store).with_snapshots(spy.clone(), SnapshotPolicy::every(events).unwrap())
}

async fn a_snapshot_is_taken_when_a_multiple_is_crossed(store: Store) {
    let spy = Spy::default();
    let accounts = every(&store, &spy, 5);
    deposit_in_pieces(&accounts, "alice", 4).await;
    assert_eq!(spy.version(), None);

    // From version 4 to 7: five is crossed, not met.
    let mut root = accounts.load("alice").await.unwrap();
    for _ in 0..3 {
        root.record(AccountEvent::Deposited { cents: 1 });
    }
    accounts.save(&mut root).await.unwrap();
    assert_eq!(spy.version(), Some(7));
    deposit_in_pieces(&accounts, "alice", 2).await;
    assert_eq!(spy.version(), Some(7));
    deposit_in_pieces(&accounts, "alice", 1).await;
    assert_eq!(spy.version(), Some(10), "ten is met");
    assert_eq!(spy.saves.load(Ordering::SeqCst), 2);
    assert!(SnapshotPolicy::every(0).is_err());
}

async fn a_snapshot_shortens_the_read(store: Store) {
    let spy = Spy::default();
    let accounts = every(&store, &spy, 5);
    deposit_in_pieces(&accounts, "alice", 7).await;
    // A snapshot that lies is believed, so it is seen to be used.
    spy.spoil(|snapshot| {
        let state = Account { owner: None, cents: 1_000 };
        snapshot.state = Payload::json(&state).unwrap();
    })
    .await;
    assert_eq!(accounts.load("alice").await.unwrap().cents, 1_002);
}

async fn a_snapshot_of_another_history_is_not_used(store: Store) {
    let spy = Spy::default();
    let accounts = every(&store, &spy, 5);
    deposit_in_pieces(&accounts, "alice", 7).await;
    let lie = Payload::json(&Account { owner: None, cents: 1_000 }).unwrap();

    let state = lie.clone();
    spy.spoil(|snapshot| {
        (snapshot.event, snapshot.state) = (EventId::new(), state);
    })
    .await;
    assert_eq!(accounts.load("alice").await.unwrap().cents, 7, "another event at its version");

    spy.spoil(|snapshot| {
        (snapshot.version, snapshot.state) = (Version::new(50).unwrap(), lie);
    })
    .await;
    assert_eq!(accounts.load("alice").await.unwrap().cents, 7, "longer than the stream");
}

async fn a_corrupt_snapshot_is_not_used(store: Store) {
    let spy = Spy::default();
    let accounts = every(&store, &spy, 5);
    deposit_in_pieces(&accounts, "alice", 7).await;
    spy.spoil(|snapshot| snapshot.state = Payload::json("rubbish").unwrap()).await;
    let alice = accounts.load("alice").await.unwrap();
    assert_eq!((alice.cents, alice.version()), (7, Some(Version::new(7).unwrap())));
    accounts.execute("alice", &Withdraw(7)).await.unwrap();
}

/// The same category and events, but the state has another field.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Renamed {
    owner: Option<String>,
    #[serde(default)]
    balance: u64,
}

impl Aggregate for Renamed {
    const CATEGORY: &'static str = "account";
    type Event = AccountEvent;

    fn evolve(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Opened { owner } => self.owner = Some(owner.clone()),
            AccountEvent::Deposited { cents } => self.balance += cents,
            AccountEvent::Withdrawn { cents } => self.balance -= cents,
        }
    }
}

async fn a_snapshot_of_another_shape_is_not_found(store: Store) {
    let spy = Spy::default();
    deposit_in_pieces(&every(&store, &spy, 5), "alice", 7).await;
    let renamed =
        Repository::<Renamed>::new(store).with_snapshots(spy.clone(), SnapshotPolicy::on_demand());
    // The old snapshot would decode, with a balance of 0.
    assert_eq!(renamed.load("alice").await.unwrap().balance, 7);
    let old = spy.last().unwrap().key;
    renamed.snapshot("alice").await.unwrap();
    assert_ne!(spy.last().unwrap().key.fingerprint, old.fingerprint);
}

async fn a_stale_snapshot_is_folded_on(store: Store) {
    let spy = Spy::default();
    let with_snapshots = every(&store, &spy, 5);
    deposit_in_pieces(&with_snapshots, "alice", 5).await;
    deposit_in_pieces(&accounts(&store), "alice", 20).await;
    assert_eq!(spy.version(), Some(5));
    let alice = with_snapshots.load("alice").await.unwrap();
    assert_eq!((alice.cents, alice.version()), (25, Some(Version::new(25).unwrap())));
}

async fn a_failing_snapshot_store_fails_no_command(store: Store) {
    let spy = Spy::default();
    spy.failing.store(true, Ordering::SeqCst);
    let accounts = every(&store, &spy, 1);
    deposit_in_pieces(&accounts, "alice", 3).await;
    assert_eq!(accounts.load("alice").await.unwrap().cents, 3);
    assert_eq!(spy.saves.load(Ordering::SeqCst), 3, "it was tried");
    let error = accounts.snapshot("alice").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fault, "asked for by name, its failure is told");
}

async fn on_demand_means_only_when_asked(store: Store) {
    let spy = Spy::default();
    let accounts = accounts(&store).with_snapshots(spy.clone(), SnapshotPolicy::on_demand());
    deposit_in_pieces(&accounts, "alice", 30).await;
    assert_eq!(spy.version(), None);
    accounts.snapshot("alice").await.unwrap();
    assert_eq!(spy.version(), Some(30));
    let log: LogId = store.head().await.unwrap().log;
    assert_eq!(spy.last().unwrap().log, log);
    let nobody = accounts.snapshot("nobody").await.unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::NotFound);
    let without = crate::account::accounts(&store).snapshot("alice").await.unwrap_err();
    assert_eq!(without.kind(), ErrorKind::Unsupported);
}

async fn in_the_background_it_comes_from_committed_state(store: Store) {
    let spy = Spy::default();
    let policy = SnapshotPolicy::every(10).unwrap().in_background();
    let accounts = accounts(&store).with_snapshots(spy.clone(), policy).with_cache(4).unwrap();
    deposit_in_pieces(&accounts, "alice", 25).await;
    accounts.flush_snapshots().await;
    let snapshot = spy.last().unwrap();
    let state: Account = snapshot.state.to_json().unwrap();
    assert_eq!(state.cents, snapshot.version.get(), "one cent per version");
    assert_eq!(snapshot.version.get() % 10, 0);
    let stream = accounts.stream("alice").unwrap();
    let read = Read::stream(stream).from_version(snapshot.version).limit(1);
    let anchor = store.read(read).next().await.unwrap().unwrap();
    assert_eq!(anchor.id, snapshot.event);
}

async fn the_past_before_a_snapshot_is_still_there(store: Store) {
    let spy = Spy::default();
    let accounts = every(&store, &spy, 5);
    deposit_in_pieces(&accounts, "alice", 12).await;
    accounts.execute("alice", &Deposit(100)).await.unwrap();
    for version in [1, 4, 5, 9, 10, 11, 12] {
        let then = accounts.load_at("alice", Version::new(version).unwrap()).await.unwrap();
        assert_eq!((then.cents, then.version().unwrap().get()), (version, version));
    }
}

/// A sum whose serde has opinions, and panics when it is contradicted.
#[derive(Clone, Debug, Default, PartialEq)]
struct Touchy(u64);

impl Serialize for Touchy {
    fn serialize<S: serde::Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        assert_ne!(self.0, 13, "not that number");
        to.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for Touchy {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        let sum = u64::deserialize(from)?;
        assert!(sum >= 10 && sum != 12, "not that number");
        Ok(Self(sum))
    }
}

impl Aggregate for Touchy {
    const CATEGORY: &'static str = "account";
    type Event = AccountEvent;

    fn evolve(&mut self, event: &AccountEvent) {
        if let AccountEvent::Deposited { cents } = event {
            self.0 += cents;
        }
    }
}

async fn a_state_whose_own_code_panics_costs_time_only(store: Store) {
    let spy = Spy::default();
    let every_one = SnapshotPolicy::every(1).unwrap();
    let sums = Repository::<Touchy>::new(store).with_snapshots(spy.clone(), every_one);
    // 11 is kept and read; 12 is kept and cannot be read; 13 cannot be kept.
    for sum in 11..=13 {
        let mut root = sums.load_or_create("alice").await.unwrap();
        root.record(AccountEvent::Deposited { cents: if sum == 11 { 11 } else { 1 } });
        sums.save(&mut root).await.expect("it was written");
        assert_eq!(sums.load("alice").await.unwrap().state(), &Touchy(sum));
        assert_eq!(spy.version(), Some(sum.min(12) - 10));
    }
    assert_eq!(sums.snapshot("alice").await.unwrap_err().kind(), ErrorKind::Fault);
}

async fn a_root_that_was_made_by_hand_has_the_snapshots_of_its_tenant(store: Store) {
    let spy = Spy::default();
    for tenant in ["acme", "globex"] {
        let tenant = Tenant::new(tenant).unwrap();
        let accounts = every(&store.for_tenant(tenant), &spy, 1);
        let mut alice = Root::<Account>::new(Key::new("alice").unwrap());
        alice.record(AccountEvent::Deposited { cents: 1 });
        accounts.save(&mut alice).await.unwrap();
        assert_eq!(spy.last().unwrap().key.stream, accounts.stream("alice").unwrap());
    }
}
