//! The newest form of the domain. It knows nothing of older ones.

use eventsource::prelude::*;

#[derive(Debug, PartialEq, Event)]
#[event(prefix = "account")]
pub(crate) enum AccountEvent {
    #[event(version = 2)]
    Opened {
        owner: String,
        currency: String,
    },
    #[event(version = 2)]
    Deposited {
        cents: u64,
    },
    Withdrawn {
        cents: u64,
    },
}

#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) owner: String,
    pub(crate) cents: u64,
}

impl Aggregate for Account {
    const CATEGORY: &'static str = "account";
    type Event = AccountEvent;

    fn evolve(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Opened { owner, .. } => self.owner.clone_from(owner),
            AccountEvent::Deposited { cents } => self.cents += cents,
            AccountEvent::Withdrawn { cents } => self.cents -= cents,
        }
    }
}
