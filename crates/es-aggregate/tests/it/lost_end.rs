//! A log that loses its end under a kept state: what others have written there since, or
//! nothing, is what counts.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use es_aggregate::Repository;
use es_core::{
    Append, AppendRequest, Capabilities, Durability, EventStore, ExpectedVersion, Head, NewEvent,
    PageStream, Position, Read, Receipt, Result, Store, StreamId,
};
use es_store_memory::MemoryStore;

use crate::account::{
    Account, AccountEvent, Deposit, EnsureOpen, Overdrawn, Withdraw, accounts, load,
};

/// A server, and the one that takes its place and lacks what came last.
#[derive(Debug)]
struct FailedOver {
    first: MemoryStore,
    second: MemoryStore,
    is_over: Arc<AtomicBool>,
}

impl FailedOver {
    fn now(&self) -> &MemoryStore {
        if self.is_over.load(Ordering::SeqCst) { &self.second } else { &self.first }
    }
}

impl fmt::Display for FailedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("two servers")
    }
}

#[async_trait]
impl EventStore for FailedOver {
    fn capabilities(&self) -> Capabilities {
        self.now().capabilities()
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        self.now().append(append).await
    }

    fn read(&self, read: Read) -> PageStream {
        self.now().read(read)
    }

    async fn head(&self) -> Result<Head> {
        self.now().head().await
    }

    async fn wait(&self, after: Position) -> Result<Head> {
        self.now().wait(after).await
    }

    async fn durability(&self) -> Result<Durability> {
        self.now().durability().await
    }
}

/// An account of 100 cents on both servers, and a repository with a cache; the flag makes the
/// second server take over.
async fn account() -> (Repository<Account>, Store, Arc<AtomicBool>) {
    let (first, second) = (MemoryStore::new(), MemoryStore::new());
    let event = NewEvent::of(&AccountEvent::Deposited { cents: 100 }).unwrap();
    for server in [&first, &second] {
        let alice = StreamId::new("account", "alice").unwrap();
        let append = Append::to(alice, ExpectedVersion::NoStream).event(event.clone());
        Store::new(server.clone()).append(append).await.unwrap();
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let store = FailedOver { first, second, is_over: Arc::clone(&is_over) };
    let store = Store::new(store);
    (accounts(&store).with_cache(4).unwrap(), store, is_over)
}

#[tokio::test]
async fn a_refusal_is_not_decided_on_what_was_lost() {
    let (cached, store, is_over) = account().await;
    cached.execute("alice", &Withdraw(100)).await.unwrap(); // lost
    is_over.store(true, Ordering::SeqCst);
    cached.execute("alice", &Withdraw(50)).await.expect("100 cents are there");
    assert_eq!(load(&store, "alice").await.cents, 50);
}

#[tokio::test]
async fn nothing_to_do_is_not_decided_on_what_was_lost() {
    let (cached, store, is_over) = account().await;
    cached.execute("alice", &EnsureOpen("Alice")).await.unwrap(); // lost
    is_over.store(true, Ordering::SeqCst);
    let other = accounts(&store);
    for cents in [1, 2] {
        other.execute("alice", &Deposit(cents)).await.unwrap(); // more than was lost
    }
    cached.execute("alice", &EnsureOpen("Bob")).await.unwrap();
    assert_eq!(load(&store, "alice").await.owner.as_deref(), Some("Bob"));
}

#[tokio::test]
async fn after_a_conflict_nothing_is_decided_on_what_was_lost() {
    let (cached, store, is_over) = account().await;
    cached.execute("alice", &Deposit(100)).await.unwrap(); // lost
    is_over.store(true, Ordering::SeqCst);
    let other = accounts(&store);
    for cents in [99, 1] {
        other.execute("alice", &Withdraw(cents)).await.unwrap();
    }
    let error = cached.execute("alice", &Withdraw(150)).await.unwrap_err();
    assert_eq!(error.rejected(), Some(&Overdrawn { available: 0 }));
}

#[tokio::test]
async fn a_conflict_with_a_shorter_stream_is_decided_on_what_is_there() {
    let (cached, store, is_over) = account().await;
    for cents in [20, 30] {
        cached.execute("alice", &Deposit(cents)).await.unwrap(); // lost
    }
    is_over.store(true, Ordering::SeqCst);
    cached.execute("alice", &Withdraw(100)).await.unwrap();
    assert_eq!(load(&store, "alice").await.cents, 0);
}
