//! The imperative style: recording, saving, saving again.

use es_aggregate::Root;
use es_core::{ErrorKind, Invalid, Key, Read, Store, Tenant, Version};

use crate::{
    account::{Account, AccountEvent, Deposit, accounts, load},
    doubles::{Verdict, Watched},
};

crate::on_every_store!(
    create_save_load_save,
    creating_what_exists_conflicts,
    a_concurrent_save_conflicts_and_keeps_the_records,
    saving_again_after_a_lost_reply_doubles_nothing,
    an_event_of_another_aggregate_is_refused,
    a_gap_in_a_history_is_refused,
    exists_version_and_load_or_create,
    a_root_that_is_saved_for_a_tenant_is_the_tenants,
);

async fn create_save_load_save(store: Store) {
    let accounts = accounts(&store);
    let mut alice = accounts.create("alice").unwrap();
    alice.record(AccountEvent::Opened { owner: "Alice".into() });
    assert_eq!((alice.version(), alice.pending().len()), (None, 1));
    let saved = accounts.save(&mut alice).await.unwrap();
    assert_eq!(saved.events.len(), 1);
    assert_eq!((alice.version(), alice.pending().len()), (Some(Version::FIRST), 0));
    alice.record(AccountEvent::Deposited { cents: 3 }).record(AccountEvent::Deposited { cents: 4 });
    accounts.save(&mut alice).await.unwrap();
    assert_eq!(load(&store, "alice").await.state(), alice.state());
}

async fn creating_what_exists_conflicts(store: Store) {
    let accounts = accounts(&store);
    accounts.execute("alice", &Deposit(1)).await.unwrap();
    let mut second = accounts.create("alice").unwrap();
    second.record(AccountEvent::Opened { owner: "Alice".into() });
    let error = accounts.save(&mut second).await.unwrap_err();
    assert_eq!(error.conflict().unwrap().actual, Some(Version::FIRST));
}

async fn a_concurrent_save_conflicts_and_keeps_the_records(store: Store) {
    let accounts = accounts(&store);
    accounts.execute("alice", &Deposit(1)).await.unwrap();
    let (mut one, mut two) = (load(&store, "alice").await, load(&store, "alice").await);
    one.record(AccountEvent::Deposited { cents: 1 });
    two.record(AccountEvent::Withdrawn { cents: 1 });
    accounts.save(&mut one).await.unwrap();
    let error = accounts.save(&mut two).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!((two.pending().len(), two.version()), (1, Some(Version::FIRST)));
    assert_eq!(load(&store, "alice").await.cents, 2);
}

async fn saving_again_after_a_lost_reply_doubles_nothing(store: Store) {
    let (watched, store) = Watched::over(&store);
    watched.interfere(|number, _, _| {
        let unknown = es_core::Error::new(ErrorKind::OutcomeUnknown, "the reply was lost");
        (number <= 3).then_some(Verdict::After(unknown))
    });
    let accounts = accounts(&store);
    let mut alice = accounts.create("alice").unwrap();
    alice.record(AccountEvent::Deposited { cents: 5 });
    let error = accounts.save(&mut alice).await.unwrap_err();
    assert_eq!((error.kind(), alice.pending().len()), (ErrorKind::OutcomeUnknown, 1));
    let saved = accounts.save(&mut alice).await.unwrap();
    assert!(saved.receipt.unwrap().replayed);
    assert_eq!(load(&store, "alice").await.cents, 5);
}

async fn an_event_of_another_aggregate_is_refused(store: Store) {
    let accounts = accounts(&store);
    accounts.execute("alice", &Deposit(1)).await.unwrap();
    let read = Read::stream(accounts.stream("alice").unwrap());
    let history = store.read_as::<AccountEvent>(read).into_vec().await.unwrap();
    let error = Root::<Account>::replay(Key::new("bob").unwrap(), history).unwrap_err();
    assert!(matches!(error.invalid(), Some(Invalid::ForeignEvent { .. })));
}

async fn a_gap_in_a_history_is_refused(store: Store) {
    let accounts = accounts(&store);
    for _ in 0..3 {
        accounts.execute("alice", &Deposit(1)).await.unwrap();
    }
    let read = Read::stream(accounts.stream("alice").unwrap());
    let mut history = store.read_as::<AccountEvent>(read).into_vec().await.unwrap();
    history.remove(1);
    let error = Root::<Account>::replay(Key::new("alice").unwrap(), history).unwrap_err();
    assert!(matches!(error.invalid(), Some(Invalid::VersionGap { .. })), "{error}");
}

async fn exists_version_and_load_or_create(store: Store) {
    let accounts = accounts(&store);
    assert!(!accounts.exists("alice").await.unwrap());
    assert_eq!(accounts.version("alice").await.unwrap(), None);
    assert_eq!(accounts.load("alice").await.unwrap_err().kind(), ErrorKind::NotFound);
    let mut alice = accounts.load_or_create("alice").await.unwrap();
    alice.record(AccountEvent::Deposited { cents: 1 });
    accounts.save(&mut alice).await.unwrap();
    assert!(accounts.exists("alice").await.unwrap());
    assert_eq!(accounts.version("alice").await.unwrap(), Some(Version::FIRST));
    assert_eq!(accounts.load_or_create("alice").await.unwrap().version(), Some(Version::FIRST));
}

async fn a_root_that_is_saved_for_a_tenant_is_the_tenants(store: Store) {
    let acme = accounts(&store.for_tenant(Tenant::new("acme").unwrap()));
    let mut alice = Root::<Account>::new(Key::new("alice").unwrap());
    alice.record(AccountEvent::Deposited { cents: 5 });
    acme.save(&mut alice).await.unwrap();
    assert_eq!(alice.stream(), &acme.stream("alice").unwrap());
    alice.record(AccountEvent::Deposited { cents: 6 });
    acme.save(&mut alice).await.unwrap();
    assert_eq!(acme.load("alice").await.unwrap().cents, 11);
    assert!(!accounts(&store).exists("alice").await.unwrap());
}
