//! A3: nothing emitted, nothing written; refused, nothing written, and the domain's own
//! error comes back.

use es_aggregate::ExecuteError;
use es_core::{Position, Store};

use crate::account::{Deposit, Overdrawn, Withdraw, accounts};

crate::on_every_store!(
    a_command_that_emits_nothing_writes_nothing,
    a_refused_command_writes_nothing_and_is_typed,
    a_refused_update_writes_nothing_and_is_typed,
    saving_a_root_without_records_writes_nothing,
    an_id_that_cannot_be_a_key_is_refused,
);

async fn a_command_that_emits_nothing_writes_nothing(store: Store) {
    for accounts in [accounts(&store), accounts(&store).with_cache(4).unwrap()] {
        let saved = accounts.execute("alice", &Deposit(0)).await.unwrap();
        assert!(saved.events.is_empty() && saved.receipt.is_none());
        assert_eq!(saved.version, None);
        assert!(!accounts.exists("alice").await.unwrap());
    }
    assert_eq!(store.head().await.unwrap().position, Position::START);
}

async fn a_refused_command_writes_nothing_and_is_typed(store: Store) {
    for accounts in [accounts(&store), accounts(&store).with_cache(4).unwrap()] {
        accounts.execute("alice", &Deposit(1)).await.unwrap();
        let head = store.head().await.unwrap();
        let error = accounts.execute("alice", &Withdraw(9)).await.unwrap_err();
        assert!(matches!(error, ExecuteError::Rejected(Overdrawn { available: 1 | 2 })));
        assert_eq!(store.head().await.unwrap(), head);
    }
}

async fn a_refused_update_writes_nothing_and_is_typed(store: Store) {
    let update = accounts(&store);
    let refused = update
        .update("alice", |root| {
            root.record(crate::account::AccountEvent::Deposited { cents: 1 });
            Err::<(), _>("no")
        })
        .await;
    assert!(matches!(refused, Err(ExecuteError::Rejected("no"))));
    assert_eq!(store.head().await.unwrap().position, Position::START);
}

async fn saving_a_root_without_records_writes_nothing(store: Store) {
    let accounts = accounts(&store);
    let mut root = accounts.create("alice").unwrap();
    assert!(accounts.save(&mut root).await.unwrap().receipt.is_none());
    assert_eq!(store.head().await.unwrap().position, Position::START);
}

async fn an_id_that_cannot_be_a_key_is_refused(store: Store) {
    let accounts = accounts(&store);
    assert!(accounts.create("").is_err());
    assert!(accounts.load("a\nb").await.unwrap_err().invalid().is_some());
    let error = accounts.execute(" a", &Deposit(1)).await.unwrap_err();
    assert!(error.store().unwrap().invalid().is_some());
    assert_eq!(store.head().await.unwrap().position, Position::START);
}
