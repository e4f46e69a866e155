//! Publishing after the commit, which cannot make a save look failed.

use std::{
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use es_aggregate::Repository;
use es_core::{Error, ErrorKind, EventBus, Recorded, Result, Store, Version};

use crate::account::{Account, AccountEvent, Deposit, EnsureOpen, accounts, load};

crate::on_every_store!(
    what_was_saved_is_published_as_recorded,
    a_failing_bus_does_not_fail_the_save,
    nothing_saved_nothing_published,
    a_handler_may_execute_a_command_on_the_same_aggregate,
);

#[derive(Clone, Debug, Default)]
struct Bus {
    published: Arc<Mutex<Vec<Recorded>>>,
    failing: Arc<AtomicBool>,
}

#[async_trait]
impl EventBus for Bus {
    async fn publish(&self, events: &[Recorded]) -> Result<()> {
        if self.failing.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "the bus is down"));
        }
        self.published.lock().unwrap().extend_from_slice(events);
        Ok(())
    }
}

impl std::fmt::Display for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a recording bus")
    }
}

async fn what_was_saved_is_published_as_recorded(store: Store) {
    let bus = Bus::default();
    let accounts = accounts(&store).with_publisher(bus.clone());
    accounts.execute("bob", &Deposit(1)).await.unwrap();
    let mut root = accounts.create("alice").unwrap();
    root.record(AccountEvent::Opened { owner: "Alice".into() });
    root.record(AccountEvent::Deposited { cents: 5 });
    let saved = accounts.save(&mut root).await.unwrap();
    assert!(saved.unpublished.is_none());
    let logged = store.read(es_core::Read::all()).into_vec().await.unwrap();
    assert_eq!(*bus.published.lock().unwrap(), logged);
}

async fn a_failing_bus_does_not_fail_the_save(store: Store) {
    let bus = Bus::default();
    bus.failing.store(true, Ordering::SeqCst);
    for accounts in [accounts(&store), accounts(&store).with_cache(4).unwrap()] {
        let accounts = accounts.with_publisher(bus.clone());
        let saved = accounts.execute("alice", &Deposit(1)).await.expect("it was saved");
        assert_eq!(saved.unpublished.unwrap().kind(), ErrorKind::Unavailable);
        assert_eq!(saved.events.len(), 1);
    }
    assert_eq!(load(&store, "alice").await.version(), Some(Version::new(2).unwrap()));
}

async fn nothing_saved_nothing_published(store: Store) {
    let bus = Bus::default();
    let accounts = accounts(&store).with_publisher(bus.clone());
    accounts.execute("alice", &Deposit(0)).await.unwrap();
    assert!(bus.published.lock().unwrap().is_empty());
}

/// A bus that calls its handler at once: whoever pays in gets an account.
#[derive(Clone, Debug, Default)]
struct Reacting(Arc<OnceLock<Repository<Account>>>);

#[async_trait]
impl EventBus for Reacting {
    async fn publish(&self, events: &[Recorded]) -> Result<()> {
        for event in events {
            if matches!(event.decode::<AccountEvent>()?.event, AccountEvent::Deposited { .. }) {
                let id = event.stream.key();
                self.0.get().unwrap().execute(id, &EnsureOpen("Alice")).await.unwrap();
            }
        }
        Ok(())
    }
}

impl std::fmt::Display for Reacting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a reacting bus")
    }
}

async fn a_handler_may_execute_a_command_on_the_same_aggregate(store: Store) {
    for (id, accounts) in
        [("plain", accounts(&store)), ("cached", accounts(&store).with_cache(4).unwrap())]
    {
        let bus = Reacting::default();
        let accounts = accounts.with_publisher(bus.clone());
        bus.0.set(accounts.clone()).unwrap();
        let paid_in = accounts.execute(id, &Deposit(1)).into_future();
        // Without an end it would wait for itself.
        let saved = tokio::time::timeout(Duration::from_secs(60), paid_in).await;
        assert!(saved.expect("it waits for itself").unwrap().unpublished.is_none());
        assert_eq!(load(&store, id).await.owner.as_deref(), Some("Alice"));
    }
}
