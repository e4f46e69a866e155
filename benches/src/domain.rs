//! The domain that every area measures with: an account whose events are about 170 bytes
//! of JSON, as events in practice are.

use eventsource::prelude::*;

#[derive(Clone, Debug, Event)]
#[event(prefix = "account")]
pub(crate) enum AccountEvent {
    Deposited { cents: u64, reference: String, counterparty: String, booked_on: String },
    Withdrawn { cents: u64, reference: String, counterparty: String, booked_on: String },
}

impl AccountEvent {
    /// An event whose payload does not repeat from number to number.
    pub(crate) fn numbered(number: u64) -> Self {
        let reference = format!("2026-{number:012}/payment for invoice {:08}", number * 7);
        let counterparty = "Example Trading Company Ltd, Harbour Street 12".to_owned();
        let (cents, booked_on) = (number % 1_000 + 1, "2026-01-31T12:00:00Z".to_owned());
        match number % 4 {
            3 => Self::Withdrawn { cents: 1, reference, counterparty, booked_on },
            _ => Self::Deposited { cents, reference, counterparty, booked_on },
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) cents: u64,
    pub(crate) bookings: u64,
}

impl Aggregate for Account {
    const CATEGORY: &'static str = "account";
    type Event = AccountEvent;

    fn evolve(&mut self, event: &AccountEvent) {
        self.bookings += 1;
        match event {
            AccountEvent::Deposited { cents, .. } => self.cents += cents,
            AccountEvent::Withdrawn { cents, .. } => self.cents = self.cents.saturating_sub(*cents),
        }
    }
}

/// A command: book the event of this number.
pub(crate) struct Book(pub(crate) u64);

impl Decide<Book> for Account {
    type Error = std::convert::Infallible;

    fn decide(&self, &Book(number): &Book) -> Result<Vec<AccountEvent>, Self::Error> {
        Ok(vec![AccountEvent::numbered(number)])
    }
}

pub(crate) fn account(number: u64) -> eventsource::Result<StreamId> {
    StreamId::new(Account::CATEGORY, format_args!("account-{number:06}"))
}
