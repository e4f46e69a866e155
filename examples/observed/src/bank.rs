//! A bank that shows its balances.

use eventsource::{
    BoxError,
    memory::{MemoryTx, Table},
    prelude::*,
};

#[derive(Clone, Debug, Event)]
#[event(prefix = "account")]
pub(crate) enum AccountEvent {
    Deposited { cents: u64 },
}

#[derive(Debug, Default)]
pub(crate) struct Account;

impl Aggregate for Account {
    const CATEGORY: &'static str = "account";
    type Event = AccountEvent;

    fn evolve(&mut self, _: &AccountEvent) {}
}

pub(crate) struct Deposit(pub(crate) u64);

impl Decide<Deposit> for Account {
    type Error = std::convert::Infallible;

    fn decide(&self, &Deposit(cents): &Deposit) -> Result<Vec<AccountEvent>, Self::Error> {
        Ok(vec![AccountEvent::Deposited { cents }])
    }
}

pub(crate) const BALANCES: Table<String, u64> = Table::new("balances");

/// The balances, as rows.
pub(crate) struct Balances;

impl Projection for Balances {
    const NAME: &'static str = "balances";
    type Event = AccountEvent;
    type Tx = MemoryTx;

    async fn apply(
        &self,
        event: &Recorded<AccountEvent>,
        tx: &mut MemoryTx,
    ) -> Result<(), BoxError> {
        let AccountEvent::Deposited { cents } = event.event;
        let account = event.stream.key().to_string();
        tx.update(&BALANCES, account, |balance| Some(balance.unwrap_or(0) + cents))?;
        Ok(())
    }
}
