//! The domain: what happens to a bank account, and what is refused. It knows nothing of
//! stores.

use eventsource::prelude::*;

#[derive(Debug, Event)]
#[event(prefix = "account")]
pub(crate) enum AccountEvent {
    Opened { owner: String },
    Deposited { cents: u64 },
    Withdrawn { cents: u64 },
}

#[derive(Debug, Default)]
pub(crate) struct Account {
    owner: Option<String>,
    cents: u64,
}

#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the account is open already")]
    AlreadyOpen,
    #[error("the account is not open")]
    NotOpen,
    #[error("{wanted} cents are wanted, but only {available} are there")]
    Overdrawn { wanted: u64, available: u64 },
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

impl Account {
    pub(crate) fn cents(&self) -> u64 {
        self.cents
    }

    pub(crate) fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    fn check_open(&self) -> Result<(), Refused> {
        if self.owner.is_some() { Ok(()) } else { Err(Refused::NotOpen) }
    }
}

/// A command: open the account.
pub(crate) struct Open {
    pub(crate) owner: String,
}

impl Decide<Open> for Account {
    type Error = Refused;

    fn decide(&self, command: &Open) -> Result<Vec<AccountEvent>, Refused> {
        match self.owner {
            Some(_) => Err(Refused::AlreadyOpen),
            None => Ok(vec![AccountEvent::Opened { owner: command.owner.clone() }]),
        }
    }
}

/// A command: pay money in.
pub(crate) struct Deposit {
    pub(crate) cents: u64,
}

impl Decide<Deposit> for Account {
    type Error = Refused;

    fn decide(&self, &Deposit { cents }: &Deposit) -> Result<Vec<AccountEvent>, Refused> {
        self.check_open()?;
        Ok(vec![AccountEvent::Deposited { cents }])
    }
}

/// A command: take money out.
pub(crate) struct Withdraw {
    pub(crate) cents: u64,
}

impl Decide<Withdraw> for Account {
    type Error = Refused;

    fn decide(&self, &Withdraw { cents }: &Withdraw) -> Result<Vec<AccountEvent>, Refused> {
        self.check_open()?;
        if cents > self.cents {
            return Err(Refused::Overdrawn { wanted: cents, available: self.cents });
        }
        Ok(vec![AccountEvent::Withdrawn { cents }])
    }
}
