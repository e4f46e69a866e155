//! What executing a command can fail with.

use std::{error::Error as StdError, fmt};

/// Why a command was not executed.
///
/// ```
/// # use es_aggregate::{Aggregate, Decide, Repository};
/// # use es_core::{Event, Store};
/// # use es_store_memory::MemoryStore;
/// # #[derive(Debug, PartialEq, Event)]
/// # enum AccountEvent {
/// #     Deposited { cents: u64 },
/// #     Withdrawn { cents: u64 },
/// # }
/// # #[derive(Default)]
/// # struct Account {
/// #     cents: u64,
/// # }
/// # impl Aggregate for Account {
/// #     const CATEGORY: &'static str = "account";
/// #     type Event = AccountEvent;
/// #     fn evolve(&mut self, event: &AccountEvent) {
/// #         match event {
/// #             AccountEvent::Deposited { cents } => self.cents += cents,
/// #             AccountEvent::Withdrawn { cents } => self.cents -= cents,
/// #         }
/// #     }
/// # }
/// # struct Withdraw(u64);
/// # #[derive(Debug, PartialEq)]
/// # struct Overdrawn;
/// # impl Decide<Withdraw> for Account {
/// #     type Error = Overdrawn;
/// #     fn decide(&self, &Withdraw(cents): &Withdraw) -> Result<Vec<AccountEvent>, Overdrawn> {
/// #         if cents > self.cents { Err(Overdrawn) } else { Ok(vec![AccountEvent::Withdrawn { cents }]) }
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let accounts = Repository::<Account>::new(Store::new(MemoryStore::new()));
/// # let mut alice = accounts.create("alice")?;
/// # alice.record(AccountEvent::Deposited { cents: 100 });
/// # accounts.save(&mut alice).await?;
/// use es_aggregate::ExecuteError;
///
/// match accounts.execute("alice", &Withdraw(500)).await {
///     Ok(saved) => println!("now at {:?}", saved.version),
///     Err(ExecuteError::Rejected(Overdrawn)) => println!("there is not so much"),
///     Err(ExecuteError::Store(error)) => return Err(error.into()),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub enum ExecuteError<E> {
    /// The domain refused it, on state that was fresh. Nothing was written.
    Rejected(E),
    /// The store failed. Its kind says whether anything was written.
    Store(es_core::Error),
}

impl<E> ExecuteError<E> {
    /// The domain's refusal, if it is one.
    pub const fn rejected(&self) -> Option<&E> {
        match self {
            Self::Rejected(error) => Some(error),
            Self::Store(_) => None,
        }
    }

    /// The store's error, if it is one.
    pub const fn store(&self) -> Option<&es_core::Error> {
        match self {
            Self::Rejected(_) => None,
            Self::Store(error) => Some(error),
        }
    }
}

impl<E> From<es_core::Error> for ExecuteError<E> {
    fn from(error: es_core::Error) -> Self {
        Self::Store(error)
    }
}

impl<E> fmt::Display for ExecuteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rejected(_) => "the command was rejected",
            Self::Store(_) => "the command could not be executed",
        })
    }
}

impl<E: StdError + 'static> StdError for ExecuteError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Rejected(error) => Some(error),
            Self::Store(error) => Some(error),
        }
    }
}
