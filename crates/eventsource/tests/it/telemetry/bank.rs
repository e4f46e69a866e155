//! The domain that is traced: accounts, and who reacts to what happens to them.

use std::sync::Arc;

use eventsource::{
    BoxError, Payload, Schema, SqliteStore, memory::MemoryTx, prelude::*,
    projection::IdempotencyKey, projection::Reactor, sqlite::SqliteOptions, telemetry::Capture,
};
use tokio::sync::mpsc;

pub(super) const WITHIN: std::time::Duration = std::time::Duration::from_secs(30);

#[derive(Clone, Debug, Event)]
#[event(prefix = "account")]
pub(super) enum AccountEvent {
    Deposited { cents: u64 },
}

#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Account {
    pub(super) cents: u64,
}

impl Aggregate for Account {
    const CATEGORY: &'static str = "account";
    type Event = AccountEvent;

    fn evolve(&mut self, AccountEvent::Deposited { cents }: &AccountEvent) {
        self.cents += cents;
    }
}

pub(super) struct Deposit(pub(super) u64);

impl Decide<Deposit> for Account {
    type Error = &'static str;

    fn decide(&self, &Deposit(cents): &Deposit) -> Result<Vec<AccountEvent>, Self::Error> {
        match cents {
            0 => Err("nothing to deposit"),
            _ => Ok(vec![AccountEvent::Deposited { cents }]),
        }
    }
}

/// Takes everything and keeps nothing.
pub(super) struct Silent;

impl Projection for Silent {
    const NAME: &'static str = "silent";
    type Event = AccountEvent;
    type Tx = MemoryTx;

    async fn apply(
        &self,
        event: &Recorded<AccountEvent>,
        _: &mut MemoryTx,
    ) -> Result<(), BoxError> {
        let AccountEvent::Deposited { cents } = event.event;
        if cents == 13 { Err("unlucky".into()) } else { Ok(()) }
    }
}

/// Thanks for each deposit, in a stream of its own, and says so.
pub(super) struct Thanks {
    pub(super) store: Store,
    pub(super) done: mpsc::UnboundedSender<()>,
}

impl Reactor for Thanks {
    const NAME: &'static str = "thanks";
    type Event = AccountEvent;

    async fn react(
        &self,
        event: &Recorded<AccountEvent>,
        key: &IdempotencyKey,
    ) -> Result<(), BoxError> {
        let stream = StreamId::new("letter", event.stream.key())?;
        let letter = NewEvent::raw(Schema::from_static("letter.sent", 1), Payload::json("thanks")?);
        let letter = letter.with_id(EventId::derived(key.event().as_uuid(), ["letter"]));
        self.store.append(Append::to(stream, ExpectedVersion::Any).event(letter)).await?;
        self.done.send(())?;
        Ok(())
    }
}

/// A store in a new file, which tells everything it has to tell.
pub(super) async fn store(capture: &Capture, folder: &std::path::Path) -> Store {
    let options = SqliteOptions::new().with_observer(capture.telemetry().observer());
    let store = SqliteStore::open_with(folder.join("bank.db"), options).await.unwrap();
    capture.telemetry().observe(store)
}

pub(super) fn accounts(store: &Store) -> Arc<Repository<Account>> {
    Arc::new(Repository::new(store.clone()))
}
