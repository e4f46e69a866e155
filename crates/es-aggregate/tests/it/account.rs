//! The aggregate that the cases use.

use es_aggregate::{Aggregate, Decide, Repository, Root};
use es_core::{Event, Store};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Event)]
#[event(prefix = "account")]
pub(crate) enum AccountEvent {
    Opened { owner: String },
    Deposited { cents: u64 },
    Withdrawn { cents: u64 },
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) owner: Option<String>,
    pub(crate) cents: u64,
}

impl Aggregate for Account {
    const CATEGORY: &'static str = "account";
    type Event = AccountEvent;

    fn evolve(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Opened { owner } => self.owner = Some(owner.clone()),
            AccountEvent::Deposited { cents } => self.cents += cents,
            AccountEvent::Withdrawn { cents } => self.cents -= cents,
        }
    }
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("only {available} cents are available")]
pub(crate) struct Overdrawn {
    pub(crate) available: u64,
}

pub(crate) struct Deposit(pub(crate) u64);

impl Decide<Deposit> for Account {
    type Error = Overdrawn;

    fn decide(&self, &Deposit(cents): &Deposit) -> Result<Vec<AccountEvent>, Overdrawn> {
        Ok(if cents == 0 { vec![] } else { vec![AccountEvent::Deposited { cents }] })
    }
}

pub(crate) struct Withdraw(pub(crate) u64);

impl Decide<Withdraw> for Account {
    type Error = Overdrawn;

    fn decide(&self, &Withdraw(cents): &Withdraw) -> Result<Vec<AccountEvent>, Overdrawn> {
        if cents > self.cents {
            return Err(Overdrawn { available: self.cents });
        }
        Ok(vec![AccountEvent::Withdrawn { cents }])
    }
}

/// Opens the account once; asking again changes nothing.
pub(crate) struct EnsureOpen(pub(crate) &'static str);

impl Decide<EnsureOpen> for Account {
    type Error = Overdrawn;

    fn decide(&self, EnsureOpen(owner): &EnsureOpen) -> Result<Vec<AccountEvent>, Overdrawn> {
        Ok(match self.owner {
            Some(_) => vec![],
            None => vec![AccountEvent::Opened { owner: (*owner).to_owned() }],
        })
    }
}

pub(crate) fn accounts(store: &Store) -> Repository<Account> {
    Repository::new(store.clone())
}

pub(crate) async fn deposit_in_pieces(accounts: &Repository<Account>, id: &str, events: u64) {
    for _ in 0..events {
        accounts.execute(id, &Deposit(1)).await.unwrap();
    }
}

pub(crate) async fn load(store: &Store, id: &str) -> Root<Account> {
    accounts(store).load(id).await.unwrap()
}
